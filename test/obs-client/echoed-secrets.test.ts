import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import ObsClient from '../../src/obs-client.js';
import { type RawServer, rawServer } from '../fixtures/raw-server.js';

const SECURITY_TOKEN = 'sEcUrItYtOkEn/0123456789abcdefghijkl+mnop==';
const SSE_KEY = '0123456789canarySSECkeyABCDEFGHI';
const NEEDLES = [
  'AKsEcReT0123456789',
  SECURITY_TOKEN.slice(0, 12),
  Buffer.from(SSE_KEY).toString('base64').slice(0, 16),
];

let server: RawServer;
afterEach(() => server.close());

/** A server that quotes the request in all kinds of headers. */
async function quoting(statusLine: string): Promise<void> {
  server = await rawServer({
    respond(head, socket) {
      const quote = head.trim().split('\r\n').join(' | ');
      const names = ['meta-echo', 'id-2', 'request-id', 'error-code', 'error-message', 'storage-class', 'restore'];
      const echoes = names.flatMap((name) => [`x-obs-${name}: ${quote}`, `x-amz-${name}: ${quote}`]);
      const more = ['x-reserved-indicator', 'content-disposition', 'cache-control'].map((name) => `${name}: ${quote}`);
      const plain = ['ETag: "etag"', 'Content-Length: 5', 'x-amz-version-id: 0123456789'];
      socket.write(`HTTP/1.1 ${[statusLine, ...plain, ...echoes, ...more].join('\r\n')}\r\n\r\n`);
    },
  });
}

describe('getObjectMetadata', () => {
  it.each(['200 OK', '403 Forbidden', '503 Slow Down'])(
    'a secret of the request that a server echoes is in no result (%s)',
    async (statusLine) => {
      await quoting(statusLine);
      const client = new ObsClient({
        access_key_id: NEEDLES[0],
        secret_access_key: 'never on the wire'.replaceAll(' ', '-'),
        security_token: SECURITY_TOKEN,
        server: `http://127.0.0.1:${server.port}`,
        max_retry_count: 0,
      });
      const object = { Bucket: 'data', Key: 'object', VersionId: '0123456789', SseC: 'AES256', SseCKey: SSE_KEY };
      const result = await client.getObjectMetadata(object);
      const text = inspect(result, { depth: 9 });
      const signature = /\r\nauthorization: AWS \w+:([^\r]*)/i.exec(server.requests[0] ?? '')?.[1] ?? '';
      expect(signature.length).toBeGreaterThan(20);
      for (const needle of [...NEEDLES, signature]) expect(text).not.toContain(needle);
      expect(result.CommonMsg.Status).toBe(Number(statusLine.slice(0, 3)));
      if (result.InterfaceResult) {
        expect(result.InterfaceResult).toMatchObject({ ETag: '"etag"', VersionId: '0123456789', ContentLength: '5' });
      }
    },
  );
});
