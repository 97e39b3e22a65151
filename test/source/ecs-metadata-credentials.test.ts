import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ecsMetadataCredentials } from '../../src/source/ecs-metadata-credentials.js';

const KEYS = {
  access: 'HSTAK',
  secret: 'canary-secret',
  securitytoken: 'canary-token',
  expires_at: '2026-01-02T03:04:05.000000Z',
};
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function metadataService(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ask(endpoint: string) {
  return ecsMetadataCredentials({ endpoint })({ reason: 'first' });
}

test('the keys are asked for with a token', async () => {
  const seen: unknown[] = [];
  const endpoint = await metadataService((request, response) => {
    const { method, url, headers } = request;
    seen.push([method, url, headers['x-metadata-token-ttl-seconds'] ?? headers['x-metadata-token']]);
    response.end(method === 'PUT' ? 'TOKEN\n' : JSON.stringify({ credential: KEYS }));
  });
  expect(await ask(endpoint)).toEqual({
    accessKeyId: 'HSTAK',
    secretAccessKey: 'canary-secret',
    securityToken: 'canary-token',
    expiresAt: new Date('2026-01-02T03:04:05Z'),
  });
  expect(seen).toEqual([
    ['PUT', '/meta-data/latest/api/token', '21600'],
    ['GET', '/openstack/latest/securitykey', 'TOKEN'],
  ]);
});

test.each([404, 405])(
  'a service that answers %i to the question for a token is asked without one',
  async (statusCode) => {
    const endpoint = await metadataService((request, response) => {
      response.statusCode = request.method === 'PUT' ? statusCode : 200;
      response.end(request.headers['x-metadata-token'] === undefined ? JSON.stringify({ credential: KEYS }) : 'no');
    });
    expect(await ask(endpoint)).toMatchObject({ accessKeyId: 'HSTAK' });
  },
);

test.each([
  ['', 'PS_ERR_PROTOCOL'],
  ['<html>', 'PS_ERR_PROTOCOL'],
  ['null', 'PS_ERR_PROTOCOL'],
  ['{}', 'PS_ERR_PROTOCOL'],
  ['{"credential":null}', 'PS_ERR_PROTOCOL'],
  [JSON.stringify({ credential: { ...KEYS, secret: 7 } }), 'PS_ERR_PROTOCOL'],
  [JSON.stringify({ credential: { ...KEYS, securitytoken: '' } }), 'PS_ERR_PROTOCOL'],
  [JSON.stringify({ credential: { ...KEYS, expires_at: 'soon' } }), 'PS_ERR_PROTOCOL'],
  [`{"credential":"${'x'.repeat(100_000)}"}`, 'PS_ERR_NETWORK'],
])('an answer of another shape is an error that shows none of it: %.60j', async (body, code) => {
  const endpoint = await metadataService((request, response) => {
    response.end(request.method === 'PUT' ? 'TOKEN' : body);
  });
  const error = await ask(endpoint).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code });
  expect(String(error)).not.toContain('canary');
});

test.each([
  [403, 'PS_ERR_ACCESS_DENIED'],
  [503, 'PS_ERR_STORE'],
  [302, 'PS_ERR_PROTOCOL'],
])('the status %i is the error %s, and a redirect is not followed', async (statusCode, code) => {
  const asked: string[] = [];
  const endpoint = await metadataService((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(request.method === 'PUT' ? 200 : statusCode, { location: '/elsewhere' });
    response.end('TOKEN');
  });
  await expect(ask(endpoint)).rejects.toMatchObject({ code });
  expect(asked).not.toContain('/elsewhere');
});

test('a service that is not there is a NetworkError', async () => {
  const endpoint = await metadataService(() => undefined);
  await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
  await expect(ask(endpoint)).rejects.toMatchObject({ code: 'PS_ERR_NETWORK' });
});

test('nothing is connected to before the provider is called, and unknown options are refused', async () => {
  let connections = 0;
  const endpoint = await metadataService((_request, response) => response.end());
  servers[0]?.on('connection', () => {
    connections += 1;
  });
  ecsMetadataCredentials({ endpoint });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(connections).toBe(0);
  expect(() => ecsMetadataCredentials({ endpont: endpoint } as never)).toThrow(
    expect.objectContaining({ option: 'endpont' }),
  );
});
