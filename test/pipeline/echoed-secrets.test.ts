import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { discoverObject, downloadFile, http, type ObjectSource, obs } from '../../src/index.js';
import { errorXml } from '../fixtures/error-xml.js';
import { rawServer } from '../fixtures/raw-server.js';
import { closeLater, failureOf, freshPath, recorder } from './download-bench.js';

const SIGNATURE = 'qUeRySiGnAtUrE/0123456789+abcdef=';
const BEARER = 'bEaReRtOkEn.0123456789';
const COOKIE = 'sEsSiOnCoOkIe0123456789';
const SECURITY_TOKEN = 'sEcUrItYtOkEn/0123456789abcdefghijkl+mnop==';
const SECRET_KEY = 'sEcReTaCcEsSkEy0123456789';
/** Their beginnings: half a secret is too much, too. */
const NEEDLES = [SIGNATURE, BEARER, COOKIE, SECURITY_TOKEN, SECRET_KEY].map((secret) => secret.slice(0, 12));

/** What a debug page, a proxy or a store may say of the request that it refuses. */
function quote(head: string): string {
  const [line = '', ...headers] = head.trim().split('\r\n');
  const path = line.split(' ')[1] ?? '';
  return `refused ${path} that is ${decodeURIComponent(path)} with ${headers.join('; ')}`;
}

const FORMATS: [string, (head: string) => { type: string; body: string; more?: string }][] = [
  ['text', (head) => ({ type: 'text/plain', body: quote(head) })],
  ['HTML', (head) => ({ type: 'text/html', body: `<html><pre>${quote(head)}</pre></html>` })],
  ['JSON', (head) => ({ type: 'application/json', body: JSON.stringify({ error: quote(head) }) })],
  [
    'the Message of an error document',
    (head) => ({ type: 'application/xml', body: errorXml({ Code: 'AccessDenied', Message: quote(head) }) }),
  ],
  [
    'the Code and the RequestId of an error document',
    (head) => ({
      type: 'application/xml',
      body: errorXml({ Code: quote(head), Message: 'no', RequestId: quote(head) }),
    }),
  ],
  [
    'headers of the refusal',
    (head) => ({
      type: 'text/plain',
      body: '',
      more: `x-obs-error-code: ${quote(head)}\r\nx-obs-error-message: ${quote(head)}\r\nx-obs-request-id: ${quote(head)}\r\n`,
    }),
  ],
];

/** A server that refuses everything, and says what `answer` makes of the request. */
async function refusing(statusCode: number, answer: (head: string) => { type: string; body: string; more?: string }) {
  return closeLater(
    await rawServer({
      respond(head, socket) {
        const { type, body, more = '' } = answer(head);
        const length = `Content-Length: ${Buffer.byteLength(body)}\r\n`;
        socket.write(`HTTP/1.1 ${statusCode} No\r\nContent-Type: ${type}\r\n${more}${length}\r\n${body}`);
      },
    }),
  );
}

const SOURCES: [string, (port: number) => ObjectSource][] = [
  [
    'http()',
    (port) =>
      http(`http://127.0.0.1:${port}/object.bin?a=b&X-Amz-Signature=${encodeURIComponent(SIGNATURE)}`, {
        headers: { authorization: `Bearer ${BEARER}`, cookie: `a=b; session=${COOKIE}` },
      }),
  ],
  [
    'obs()',
    (port) => {
      const place = { endpoint: `http://127.0.0.1:${port}`, bucket: 'bucket', key: 'key', addressing: 'path' } as const;
      const credentials = { accessKeyId: 'AK', secretAccessKey: SECRET_KEY, securityToken: SECURITY_TOKEN };
      return obs({ ...place, credentials });
    },
  ],
];

/** Everything that a caller can see of it, causes and properties too. */
const seen = (value: unknown): string => `${inspect(value, { depth: 12, showHidden: true })} ${JSON.stringify(value)}`;

const authorizations = (heads: readonly string[]): string[] =>
  heads.map((head) => /\r\nauthorization: (?:OBS \w+:)?([^\r]*)/i.exec(head)?.[1] ?? '');

describe.each(SOURCES)('a refusal that quotes the request of %s', (_source, sourceAt) => {
  it.each(FORMATS)(
    'in %s: a secret of the request that a server echoes is in no error, and in no event',
    async (_format, answer) => {
      for (const statusCode of [400, 403, 404, 500]) {
        const server = await refusing(statusCode, answer);
        const { events, all } = recorder();
        const options = { retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 }, events };
        const error = await failureOf(downloadFile(sourceAt(server.port), freshPath(), options));
        const texts = [seen(error), ...all.map(({ payload }) => seen(payload))];
        // Those of OBS are computed anew for every request.
        const signatures = authorizations(server.requests);
        expect(signatures.every((signature) => signature.length > 20)).toBe(true);
        for (const needle of [...NEEDLES, ...signatures]) {
          expect(
            texts.filter((text) => text.includes(needle)),
            `${needle} at ${statusCode}`,
          ).toEqual([]);
        }
        expect(all.some(({ name }) => name === 'partRetrying')).toBe(statusCode === 500);
        expect(all.at(-1)?.name).toBe('failed');
      }
    },
  );

  it('shows no half of a secret either, where its text is cut short', async () => {
    for (let filler = 0; filler <= 1100; filler += 20) {
      const server = await refusing(404, (head) => {
        const secretAt = Math.min(...NEEDLES.map((needle) => head.indexOf(needle)).filter((at) => at >= 0));
        return { type: 'text/plain', body: `${'x '.repeat(filler / 2)}${head.slice(secretAt)}` };
      });
      const text = seen(await failureOf(discoverObject(sourceAt(server.port))));
      for (const needle of NEEDLES) expect(text).not.toContain(needle);
      await server.close();
    }
  });

  it('keeps the words that are no secrets', async () => {
    const message = 'The request signature we calculated does not match the signature you provided.';
    const server = await refusing(403, (head) => ({
      type: 'application/xml',
      body: errorXml({ Code: 'SignatureDoesNotMatch', Message: `${message} ${quote(head)}`, RequestId: 'REQUEST0123' }),
    }));
    const error = await failureOf(discoverObject(sourceAt(server.port)));
    expect(error).toMatchObject({ storeCode: 'SignatureDoesNotMatch', statusCode: 403, requestId: 'REQUEST0123' });
    const { message: text, storeMessage } = error as { message: string; storeMessage: string };
    for (const told of [text, storeMessage]) {
      expect(told).toContain(message);
      for (const needle of NEEDLES) expect(told).not.toContain(needle);
    }
  });
});
