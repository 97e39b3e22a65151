import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  ChecksumError,
  ConditionNotMetError,
  createDownloadStream,
  downloadFile,
  http,
  s3,
} from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { cut } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, failureOf, freshPath, PART, partRanges, QUICK, rangesOf, serve, VERBS } from './download-bench.js';

const SIZE = 3 * PART + 77;
const object = ramp(SIZE);
const ETAG = `"${object.fingerprint}"`;
const CHANGED = new Date('2026-01-02T03:04:05Z');
const BEFORE = new Date(CHANGED.getTime() - 60_000);
const AFTER = new Date(CHANGED.getTime() + 60_000);

describe.each(VERBS)('%s with conditions', (verb) => {
  it.each([
    ['ifMatch', { ifMatch: '"other"' }, 412],
    ['ifNoneMatch', { ifNoneMatch: ETAG }, 304],
    ['ifModifiedSince', { ifModifiedSince: AFTER }, 304],
    ['ifUnmodifiedSince', { ifUnmodifiedSince: BEFORE }, 412],
  ])(
    'fails with the name of %s when it does not hold, after one request',
    async (condition, conditions, statusCode) => {
      const server = await serve(object, [], { lastModified: CHANGED });
      const error = await failureOf(download(verb, server.url, { conditions }));
      expect(error).toBeInstanceOf(ConditionNotMetError);
      expect(error).toMatchObject({ condition, statusCode, code: 'PS_ERR_CONDITION' });
      expect(server.requests).toHaveLength(1);
    },
  );

  it('goes on when all of them hold; only the first request carries them', async () => {
    const server = await serve(object, [], { lastModified: CHANGED });
    const conditions = {
      ...{ ifMatch: ETAG, ifNoneMatch: '"other"', ifModifiedSince: BEFORE, ifUnmodifiedSince: AFTER },
    };
    const { bytes } = await download(verb, server.url, { conditions });
    expect(bytes.length).toBe(SIZE);
    const [first, ...others] = server.requests.map(({ headers }) => headers);
    expect(first).toMatchObject({
      'if-match': ETAG,
      'if-none-match': '"other"',
      'if-modified-since': BEFORE.toUTCString(),
      'if-unmodified-since': AFTER.toUTCString(),
    });
    for (const headers of others) {
      expect(headers['if-match']).toBe(ETAG);
      expect(headers['if-none-match']).toBeUndefined();
      expect(headers['if-modified-since']).toBeUndefined();
    }
  });

  it('checks them for an empty object, too', async () => {
    const server = await serve(ramp(0));
    const error = await failureOf(download(verb, server.url, { conditions: { ifMatch: '"other"' } }));
    expect(error).toMatchObject({ condition: 'ifMatch', statusCode: 412 });
  });
});

describe.each(VERBS)('%s and checksums', (verb) => {
  const sha256 = { algorithm: 'sha256', value: object.sha256() } as const;

  it.each([
    ['sha256 in hex', sha256],
    ['sha256 in base64', { algorithm: 'sha256', value: Buffer.from(object.sha256(), 'hex').toString('base64') }],
    ['md5', { algorithm: 'md5', value: object.md5() }],
    ['crc64ecma in decimal', { algorithm: 'crc64ecma', value: object.crc64ecma() }],
  ] as const)('accepts the expected %s, over faults', async (_what, expectedChecksum) => {
    const server = await serve(object, [cut({ part: 1, afterBytes: 4000 })]);
    const { result, of } = await download(verb, server.url, { expectedChecksum });
    expect(result.verification).toEqual({ scope: 'object', origin: 'caller', ...expectedChecksum });
    expect(of('verified')).toEqual([{ verification: result.verification }]);
  });

  it.each(['auto', 'require', 'off'] as const)(
    "refuses bytes that are not the expected ones, with verify: '%s', too",
    async (verify) => {
      const server = await serve(ramp(SIZE, 1));
      const error = await failureOf(download(verb, server.url, { expectedChecksum: sha256, verify }));
      expect(error).toBeInstanceOf(ChecksumError);
      expect(error).toMatchObject({ algorithm: 'sha256', expected: sha256.value, actual: ramp(SIZE, 1).sha256() });
    },
  );

  it('bytes that failed their checksum are never taken for good ones by the next call', async () => {
    const server = await serve(ramp(SIZE, 1), [], { etag: '"same"' });
    const path = freshPath();
    const file = { ...QUICK, expectedChecksum: sha256, durability: 'none' } as const;
    const spooled = { ...QUICK, expectedChecksum: sha256, spool: path };
    if (verb === 'downloadFile') await failureOf(downloadFile(server.url, path, file));
    else await failureOf(createDownloadStream(server.url, spooled).toArray());
    // The store has the right bytes by now, under the same ETag.
    server.replaceObject(object, { etag: '"same"' });
    if (verb === 'downloadFile') expect(await downloadFile(server.url, path, file)).toMatchObject({ resumedBytes: 0 });
    else expect(Buffer.concat(await createDownloadStream(server.url, spooled).toArray())).toEqual(object.slice());
  });

  it('takes the expected checksum for one of the bytes that were asked for', async () => {
    const server = await serve(object);
    const range = { start: 100, end: 200 };
    const md5 = (await import('node:crypto')).createHash('md5').update(object.slice(100, 200)).digest('hex');
    const { result } = await download(verb, server.url, { range, expectedChecksum: { algorithm: 'md5', value: md5 } });
    expect(result.verification).toMatchObject({ scope: 'object', origin: 'caller' });
  });

  it("fails with verify: 'require' when the store offers nothing, and says so with 'auto'", async () => {
    const server = await serve(object);
    expect(await failureOf(download(verb, server.url, { verify: 'require' }))).toBeInstanceOf(ChecksumError);
    const { result, of } = await download(verb, server.url);
    expect(result.verification).toEqual({ scope: 'none', reason: 'the store announces no checksum' });
    expect(of('verified')).toEqual([]);
  });

  it("checks what the store offers, unless verify is 'off'", async () => {
    const value = Buffer.from(object.sha256(), 'hex').toString('base64');
    const headers = { 'Repr-Digest': `sha-256=:${value}:` };
    const server = await serve(object, [], { headers });
    expect((await download(verb, server.url)).result.verification).toEqual({
      ...{ scope: 'object', origin: 'store', algorithm: 'sha256', value },
    });
    expect((await download(verb, server.url, { verify: 'require' })).result.verification.scope).toBe('object');
    const lying = await serve(ramp(SIZE, 1), [], { headers });
    expect(await failureOf(download(verb, lying.url))).toBeInstanceOf(ChecksumError);
    expect((await download(verb, lying.url, { verify: 'off' })).result.verification.scope).toBe('none');
  });

  it('checks an empty object', async () => {
    const server = await serve(ramp(0));
    const expectedChecksum = { algorithm: 'sha256', value: ramp(0).sha256() } as const;
    expect((await download(verb, server.url, { expectedChecksum })).result.verification.scope).toBe('object');
    const wrong = { algorithm: 'sha256', value: object.sha256() } as const;
    expect(await failureOf(download(verb, server.url, { expectedChecksum: wrong }))).toBeInstanceOf(ChecksumError);
  });
});

describe.each(VERBS)('%s with URLs and credentials that expire', (verb) => {
  it('asks the provider once more when the server refuses, and goes on (T040)', async () => {
    const server = await serve(object);
    const asked: unknown[] = [];
    const source = http((context) => {
      asked.push(context);
      return `${server.url}?token=${asked.length}`;
    });
    server.setFaults([status(403, { fromRequest: 3, path: 'token=1', times: 99, code: 'ExpiredToken' })]);
    const { bytes, result } = await download(verb, source, { concurrency: 2 });
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(asked).toEqual([
      { attempt: 1, reason: 'first' },
      { attempt: 2, reason: 'expired' },
    ]);
    expect(result.retries).toBeGreaterThan(0);
    expect([...new Set(rangesOf(server))]).toEqual(partRanges(SIZE));
  });

  it('is refused for good when the fresh URL is, too (T040)', async () => {
    const server = await serve(object, [status(403, { fromRequest: 2, times: 99, code: 'ExpiredToken' })]);
    let asked = 0;
    const source = http(() => {
      asked += 1;
      return server.url;
    });
    const error = await failureOf(download(verb, source, { concurrency: 1 }));
    expect(error).toBeInstanceOf(AccessDeniedError);
    expect(error).toMatchObject({ statusCode: 403, storeCode: 'ExpiredToken' });
    expect(asked).toBe(2);
    expect(server.requests).toHaveLength(3);
  });

  it('uses the newest credentials for every request (T142)', async () => {
    const server = await serve(object);
    let keys = 0;
    const source = s3({
      ...{ endpoint: new URL(server.url).origin, bucket: 'bucket', key: 'key', addressing: 'path' },
      credentials: () => {
        keys += 1;
        return { accessKeyId: `AK${keys}`, secretAccessKey: 'secret' };
      },
    });
    server.setFaults([status(403, { request: 2, code: 'InvalidAccessKeyId' })]);
    expect((await download(verb, source, { concurrency: 1 })).bytes.length).toBe(SIZE);
    const used = server.requests.map(({ headers }) => /Credential=(\w+)/.exec(headers.authorization ?? '')?.[1]);
    expect(used).toEqual(['AK1', 'AK1', 'AK2', 'AK2', 'AK2']);
  });

  it('a provider that throws is an AccessDeniedError with its cause, before any request (T142)', async () => {
    const server = await serve(object);
    const failing = http(() => {
      throw new Error('no token today');
    });
    const error = await failureOf(download(verb, failing));
    expect(error).toMatchObject({ code: 'PS_ERR_ACCESS_DENIED', storeCode: 'UrlProviderFailed' });
    expect((error as { cause: Error }).cause.message).toBe('no token today');
    expect(server.requests).toEqual([]);
  });

  it.each([undefined, 'ftp://h.example/x', 5])('a provider that gives %s is an InvalidOptionError', async (url) => {
    expect(
      await failureOf(
        download(
          verb,
          http(() => url as string),
        ),
      ),
    ).toMatchObject({ code: 'PS_ERR_INVALID_OPTION' });
  });

  it('a provider that hangs is left when the signal aborts (T142)', async () => {
    const signal = AbortSignal.timeout(30);
    const error = await failureOf(
      download(
        verb,
        http(() => new Promise<string>(() => {})),
        { signal },
      ),
    );
    expect(error).toBe(signal.reason);
  });
});
