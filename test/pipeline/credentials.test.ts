import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  AccessDeniedError,
  type Credentials,
  createDownloadEvents,
  createPresignedUrl,
  downloadFile,
  ecsMetadataCredentials,
  http,
  obs,
  type UrlProvider,
} from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { stall } from '../fixtures/connection-faults.js';
import type { Fault } from '../fixtures/fault.js';
import { type ObsServer, type ObsServerOptions, obsServer } from '../fixtures/obs-server.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { closeLater, download, failureOf, freshPath, PART, pause, QUICK, VERBS } from './download-bench.js';

const PARTS = 20;
const SIZE = PARTS * PART;
const HOUR = 3_600_000;
const ALL_AT_ONCE = { concurrency: PARTS, hedge: false } as const;

afterEach(() => vi.useRealTimers());

/** An OBS server with an object of PARTS parts. */
async function store(options: ObsServerOptions = {}): Promise<ObsServer> {
  const server = closeLater(await obsServer({ partSize: PART, ...options }));
  server.putObject('bucket', 'key', ramp(SIZE));
  return server;
}

const placeOf = ({ endpoint }: ObsServer) => ({ endpoint, bucket: 'bucket', key: 'key' });

const temporary = (number: number): Credentials => ({
  accessKeyId: `AKTEMPORARY${number}`,
  secretAccessKey: `secret${number}`,
  securityToken: `token${number}`,
});

/** Does something on the way to the n-th request. */
function upon(request: number, act: () => void): Fault {
  return { name: 'upon', when: { request }, usualTimes: 1, prepare: act };
}

/** The keys that requests were signed with, each once, in the order of their first use. */
const keysOf = ({ requests }: ObsServer): string[] => [
  ...new Set(requests.map(({ headers }) => /OBS (\w+):/.exec(headers.authorization ?? '')?.[1] ?? '')),
];

describe.each(VERBS)('%s with a provider of credentials', (verb) => {
  /** Gives temporary credentials 1, 2, …, which the server knows from then on. */
  function provide(server: ObsServer, lifeMs?: number) {
    const reasons: string[] = [];
    const source = obs({
      ...placeOf(server),
      credentials: async ({ reason }) => {
        const given = temporary(reasons.push(reason));
        server.addCredentials(given);
        await pause(5);
        return lifeMs === undefined ? given : { ...given, expiresAt: new Date(Date.now() + lifeMs) };
      },
    });
    return { reasons, source };
  }

  it('calls it once for all parts', async () => {
    const server = await store();
    const { reasons, source } = provide(server);
    const { bytes, result } = await download(verb, source, ALL_AT_ONCE);
    expectRamp(bytes);
    expect(reasons).toEqual(['first']);
    expect(result).toMatchObject({ requests: PARTS, retries: 0 });
  });

  it('calls it once more when the token expires in the middle, however many parts were refused', async () => {
    const server = await store({ latencyMs: 10 });
    const { reasons, source } = provide(server);
    server.setFaults([upon(6, () => server.addCredentials({ ...temporary(1), expired: true }))]);
    const { bytes, result } = await download(verb, source, ALL_AT_ONCE);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(reasons).toEqual(['first', 'expired']);
    expect(keysOf(server)).toEqual(['AKTEMPORARY1', 'AKTEMPORARY2']);
    expect(result.transferredBytes).toBe(SIZE);
    expect(result.verification).toMatchObject({ scope: 'object', algorithm: 'crc64ecma' });
    // One refusal a part at most: none was refused with the new token.
    expect(result.retries).toBe(server.requests.filter((request) => request.status === 403).length);
    expect(result.retries).toBeGreaterThan(0);
  });

  it('calls it before the token expires, so that no part is refused', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const server = await store();
    const minute = 60_000;
    const { reasons, source } = provide(server, 8 * minute);
    // A token of so short a life is renewed at half of it.
    server.setFaults([upon(6, () => vi.setSystemTime(Date.now() + 5 * minute))]);
    const { bytes, result } = await download(verb, source, { concurrency: 2, hedge: false });
    expectRamp(bytes);
    expect(reasons).toEqual(['first', 'expired']);
    expect(keysOf(server)).toEqual(['AKTEMPORARY1', 'AKTEMPORARY2']);
    expect(result).toMatchObject({ requests: PARTS, retries: 0 });
  });

  it('gives up when the fresh credentials are refused, too, after one call more', async () => {
    const server = await store();
    let calls = 0;
    const source = obs({
      ...placeOf(server),
      credentials: () => {
        calls += 1;
        return temporary(9);
      },
    });
    const error = await failureOf(download(verb, source, ALL_AT_ONCE));
    expect(error).toBeInstanceOf(AccessDeniedError);
    expect(error).toMatchObject({ storeCode: 'InvalidAccessKeyId', statusCode: 403 });
    expect(calls).toBe(2);
    expect(server.requests).toHaveLength(2);
  });

  it('downloads with the keys of the metadata service of an ECS, asked once, and once more when they expire', async () => {
    const server = await store({ latencyMs: 10 });
    const asked: string[] = [];
    let given = 0;
    const metadata = createServer(({ method, url, headers }, response) => {
      asked.push(`${method} ${url} ${headers['x-metadata-token'] ?? ''}`.trim());
      if (method === 'PUT') {
        response.end('imds-token');
        return;
      }
      given += 1;
      const credentials = temporary(given);
      server.addCredentials(credentials);
      const { accessKeyId: access, secretAccessKey: secret, securityToken: securitytoken } = credentials;
      const expires_at = new Date(Date.now() + 6 * HOUR).toISOString();
      response.end(JSON.stringify({ credential: { access, secret, securitytoken, expires_at } }));
    });
    closeLater({ close: async () => metadata.close() });
    await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}`;
    const source = obs({ ...placeOf(server), credentials: ecsMetadataCredentials({ endpoint }) });
    const once = ['PUT /meta-data/latest/api/token', 'GET /openstack/latest/securitykey imds-token'];

    expectRamp((await download(verb, source, ALL_AT_ONCE)).bytes);
    expect(asked).toEqual(once);
    const before = server.requests.length;
    server.setFaults([upon(before + 6, () => server.addCredentials({ ...temporary(1), expired: true }))]);
    expectRamp((await download(verb, source, ALL_AT_ONCE)).bytes);
    expect(asked).toEqual([...once, ...once]);
    expect(keysOf(server)).toEqual(['AKTEMPORARY1', 'AKTEMPORARY2']);
  });
});

describe('a provider of presigned URLs', () => {
  /** URLs that hold for a minute of the server's clock, which `pass` moves on. */
  async function presigning() {
    let passedMs = 0;
    const nowMs = () => Date.now() + passedMs;
    const server = await store({ nowMs, latencyMs: 10 });
    const reasons: string[] = [];
    const provider: UrlProvider = ({ reason }) => {
      reasons.push(reason);
      const { credentials } = server;
      return createPresignedUrl({ ...placeOf(server), credentials, expiresInSeconds: 60, date: new Date(nowMs()) });
    };
    const pass = () => {
      passedMs += HOUR;
    };
    return { server, source: http(provider), reasons, pass };
  }

  it.each(VERBS)('is called once more for all parts when the URL expires in the middle (%s)', async (verb) => {
    const { server, source, reasons, pass } = await presigning();
    server.setFaults([upon(6, pass)]);
    const { bytes, result } = await download(verb, source, ALL_AT_ONCE);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(reasons).toEqual(['first', 'expired']);
    expect(result.transferredBytes).toBe(SIZE);
    expect(new Set(server.requests.map(({ path }) => path)).size).toBe(2);
  });

  it('keeps the checkpoint: a later call with another URL goes on', async () => {
    const { server, source, reasons, pass } = await presigning();
    const path = freshPath();
    const abort = new AbortController();
    const events = createDownloadEvents();
    events.on('checkpointed', () => abort.abort(new Error('enough')));
    // The end of the object does not come before the first block is recorded.
    server.setFaults([stall({ offset: SIZE - 1 })]);
    const options = { ...QUICK, hedge: false, concurrency: 2 } as const;
    await expect(downloadFile(source, path, { ...options, events, signal: abort.signal })).rejects.toThrow('enough');
    server.setFaults([]);
    pass();
    const before = server.requests.length;
    const result = await downloadFile(source, path, options);
    expect(result.resumedBytes).toBeGreaterThanOrEqual(512 * 1024);
    expect(result.transferredBytes).toBe(SIZE - result.resumedBytes);
    expect(result.verification).toMatchObject({ scope: 'object', algorithm: 'crc64ecma' });
    expect(reasons).toEqual(['first', 'expired']);
    const served = server.requests
      .slice(before)
      .reduce((sum, request) => sum + (request.range?.end ?? 0) - (request.range?.start ?? 0), 0);
    expect(served).toBeLessThan(SIZE);
  });
});

describe.each(VERBS)('%s with a clock that is not that of the store', (verb) => {
  it.each([
    ['obs', 3],
    ['obs', -3],
    ['v2', 3],
    ['v4', 3],
    ['v4', -3],
  ] as const)('corrects it once, by the Date of the refusal (signature %s, %i hours)', async (signature, hours) => {
    const server = await store({ nowMs: () => Date.now() + hours * HOUR });
    const { credentials } = server;
    const source = obs({ ...placeOf(server), credentials, signature, region: 'cn-north-4' });
    const { bytes, result } = await download(verb, source, ALL_AT_ONCE);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ requests: PARTS + 1, retries: 1 });
    expect(server.requests.filter((request) => request.status === 403)).toHaveLength(1);
  });

  it('gives up when the corrected time is refused, too', async () => {
    const server = await store();
    server.setFaults([status(403, { code: 'RequestTimeTooSkewed', times: 99 })]);
    const source = obs({ ...placeOf(server), credentials: server.credentials });
    const error = await failureOf(download(verb, source, ALL_AT_ONCE));
    expect(error).toBeInstanceOf(AccessDeniedError);
    expect(error).toMatchObject({ storeCode: 'RequestTimeTooSkewed' });
    expect(server.requests).toHaveLength(2);
  });
});
