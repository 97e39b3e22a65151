import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createDownloadStream, http } from '../../src/index.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a chain of redirects', () => {
  it('once a redirect has led to a place that is not the source, no later one gets its headers back', async () => {
    const authorization = 'Bearer of-the-first-origin';
    const seen: [path: string | undefined, authorization: string | undefined][] = [];
    let elsewhere = '';
    const origin = await serve((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      if (request.url === '/landed') response.writeHead(200, { 'content-length': 3, etag: '"x"' }).end('abc');
      else response.writeHead(302, { location: request.url === '/start' ? '/near' : `${elsewhere}/away` }).end();
    });
    elsewhere = await serve((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      // The place is of the foreign host's choosing.
      response.writeHead(302, { location: `${origin}/landed` }).end();
    });
    const stream = createDownloadStream(http(`${origin}/start`, { headers: { authorization } }));
    expect(Buffer.concat(await stream.toArray()).toString()).toBe('abc');
    expect(seen).toEqual([
      ['/start', authorization],
      ['/near', authorization],
      ['/away', undefined],
      ['/landed', undefined],
    ]);
  });

  it('a cookie that the server sets is in no event and no result', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 3, etag: '"x"', 'set-cookie': 'session=SECRETCOOKIE' }).end('abc');
    });
    const stream = createDownloadStream(url);
    const told: unknown[] = [];
    stream.events.on('*', (_name, payload) => told.push(payload));
    await stream.toArray();
    expect(JSON.stringify([told, await stream.result])).not.toContain('SECRETCOOKIE');
  });
});
