import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { http } from '../../src/source/http-source.js';
import { obs } from '../../src/source/obs-source.js';
import { createPresignedUrl } from '../../src/source/presigned-url.js';
import { s3 } from '../../src/source/s3-source.js';
import type { ObsSourceOptions, S3SourceOptions } from '../../src/source-options.js';
import { requestContext } from './request-context.js';

const CREDENTIALS = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const OBJECT: ObsSourceOptions = { endpoint: 'obs.example.com', bucket: 'films', key: 'k', credentials: CREDENTIALS };
const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';

afterEach(() => {
  vi.useRealTimers();
});

test.each<[unknown, string]>([
  [undefined, 'options'],
  [null, 'options'],
  [{ ...OBJECT, Bucket: 'x' }, 'Bucket'],
  [{ ...OBJECT, endpoint: undefined }, 'endpoint'],
  [{ ...OBJECT, endpoint: 'ftp://h.example.com' }, 'endpoint'],
  [{ ...OBJECT, bucket: '' }, 'bucket'],
  [{ ...OBJECT, bucket: 'Films' }, 'bucket'],
  [{ ...OBJECT, bucket: 'fi' }, 'bucket'],
  [{ ...OBJECT, bucket: 'a..b' }, 'bucket'],
  [{ ...OBJECT, bucket: 'a.-b' }, 'bucket'],
  [{ ...OBJECT, bucket: '10.0.0.1' }, 'bucket'],
  [{ ...OBJECT, bucket: 'evil.example/' }, 'bucket'],
  [{ ...OBJECT, bucket: 'a/b', addressing: 'path' }, 'bucket'],
  [{ ...OBJECT, bucket: '..', addressing: 'path' }, 'bucket'],
  [{ ...OBJECT, key: '' }, 'key'],
  [{ ...OBJECT, key: 7 }, 'key'],
  [{ ...OBJECT, key: 'é'.repeat(1025) }, 'key'],
  [{ ...OBJECT, key: '\ud800' }, 'key'],
  [{ ...OBJECT, versionId: '' }, 'versionId'],
  [{ ...OBJECT, signature: 'v3' }, 'signature'],
  [{ ...OBJECT, signature: 'v4' }, 'region'],
  [{ ...OBJECT, region: 'a/b' }, 'region'],
  [{ ...OBJECT, addressing: 'cname' }, 'addressing'],
  [{ ...OBJECT, endpoint: '127.0.0.1', addressing: 'virtual' }, 'addressing'],
  [{ ...OBJECT, sseC: { key: new Uint8Array(31) } }, 'sseC.key'],
  [{ ...OBJECT, sseC: { key: 'canary' } }, 'sseC.key'],
  [{ ...OBJECT, sseC: { kee: 'canary' } }, 'sseC.kee'],
  [{ ...OBJECT, requesterPays: 1 }, 'requesterPays'],
  [{ ...OBJECT, query: 'canary' }, 'query'],
  [{ ...OBJECT, query: { a: 1 } }, 'query.a'],
  [{ ...OBJECT, query: { versionId: 'v' } }, 'query.versionId'],
  [{ ...OBJECT, query: { Signature: 'canary' } }, 'query.Signature'],
  [{ ...OBJECT, query: { a: '\ud800' } }, 'query'],
  [{ ...OBJECT, tls: { ca: '/etc/ca.pem' } }, 'tls.ca'],
  [{ ...OBJECT, tls: { ca: 7 } }, 'tls.ca'],
  [{ ...OBJECT, tls: { insecure: 'yes' } }, 'tls.insecure'],
  [{ ...OBJECT, tls: { rejectUnauthorized: false } }, 'tls.rejectUnauthorized'],
])('wrong options are refused before any request: %j', (options, option) => {
  expect(() => obs(options as ObsSourceOptions)).toThrow(
    expect.objectContaining({
      code: 'PS_ERR_INVALID_OPTION',
      option,
      message: expect.not.stringContaining("'canary'"),
    }),
  );
});

test('s3 refuses the signature of OBS', () => {
  expect(() => s3({ ...OBJECT, signature: 'obs' } as unknown as S3SourceOptions)).toThrow(
    expect.objectContaining({ option: 'signature' }),
  );
});

test('keys and query values cannot break out of the URL, and the name is the key (T123)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }), async (key) => {
      const source = obs({ ...OBJECT, key, query: { attname: key } });
      const { url } = await source.request(requestContext());
      expect(url).toMatch(/^https:\/\/films\.obs\.example\.com\/[\w.~%/-]+\?attname(?:=[\w.~%/-]+)?$/);
      expect(decodeURIComponent(url.slice('https://films.obs.example.com/'.length).split('?')[0] ?? '')).toBe(key);
      expect(source.name).toBe(key);
    }),
  );
});

test('a bucket of a path is encoded, and an IP literal is addressed by path', async () => {
  const source = s3({
    ...OBJECT,
    signature: 'v4',
    endpoint: 'http://127.0.0.1:9000',
    bucket: 'Tenant:My Films_1',
    key: 'a/b',
  });
  expect((await source.request(requestContext())).url).toBe('http://127.0.0.1:9000/Tenant%3AMy%20Films_1/a/b');
});

test('identities tell objects apart, and hold no secret', () => {
  const identity = (over: Partial<ObsSourceOptions>) => obs({ ...OBJECT, ...over }).identity;
  expect(identity({})).toBe('obs://films/k');
  expect(identity({ key: 'dir/k', versionId: 'v=1&' })).toBe('obs://films/dir/k?versionId=v%3D1%26');
  expect(identity({ key: 'k?versionId=1' })).toBe('obs://films/k%3FversionId%3D1');
  expect(identity({ query: { 'response-content-type': 'text/plain' } })).toBe('obs://films/k');
  const process = identity({ query: { 'x-image-process': 'canary' } });
  expect(process).toMatch(/^obs:\/\/films\/k\?query=[0-9a-f]{16}$/);
  expect(identity({ query: { 'x-image-process': 'other' } })).not.toBe(process);
  expect(s3({ ...OBJECT, signature: 'v4', endpoint: 'http://localhost:9000', versionId: '1' }).identity).toBe(
    's3://localhost:9000/films/k?versionId=1',
  );
});

test('a change of the options after the call has no effect (T141)', async () => {
  vi.useFakeTimers({ now: 0 });
  const options = {
    ...OBJECT,
    credentials: { accessKeyId: 'AK', secretAccessKey: 'SK' },
    sseC: { key: new Uint8Array(32) },
    query: { attname: 'a' },
    tls: { ca: Buffer.from(PEM) },
  };
  const source = obs(options);
  const before = JSON.stringify(await source.request(requestContext()));
  options.key = 'other';
  options.credentials.accessKeyId = 'other';
  options.sseC.key.fill(1);
  options.query.attname = 'b';
  options.tls.ca.fill(0);
  expect(JSON.stringify(await source.request(requestContext()))).toBe(before);

  const headers = { 'x-a': '1' };
  const url = new URL('https://h.example.com/x');
  const other = http(url, { headers });
  headers['x-a'] = '2';
  url.pathname = '/y';
  expect(await other.request(requestContext())).toEqual({ url: 'https://h.example.com/x', headers: { 'x-a': '1' } });
});

test('every attempt is signed anew, by the clock of the store (T041)', async () => {
  vi.useFakeTimers({ now: Date.parse('2026-01-02T03:04:05Z') });
  const source = obs(OBJECT);
  const dateAt = async (clockOffsetMs: number) =>
    (await source.request(requestContext({ clockOffsetMs }))).headers?.date;
  expect(await dateAt(0)).toBe('Fri, 02 Jan 2026 03:04:05 GMT');
  expect(await dateAt(-3_600_000)).toBe('Fri, 02 Jan 2026 02:04:05 GMT');
  vi.setSystemTime(Date.parse('2026-01-02T03:05:00Z'));
  expect(await dateAt(0)).toBe('Fri, 02 Jan 2026 03:05:00 GMT');
  const v4 = s3({ ...OBJECT, signature: 'v4' });
  const { headers } = await v4.request(requestContext({ clockOffsetMs: 60_000 }));
  expect(headers?.['x-amz-date']).toBe('20260102T030600Z');
});

test('s3 asks for checksums and signs that; v4 of obs signs with its region', async () => {
  const request = await s3({ ...OBJECT, signature: 'v4' }).request(requestContext());
  expect(request.headers).toMatchObject({ 'x-amz-checksum-mode': 'ENABLED' });
  expect(request.headers?.authorization).toMatch(/SignedHeaders=[^,]*x-amz-checksum-mode/);
  const v4 = await obs({ ...OBJECT, signature: 'v4', region: 'cn-north-4', requesterPays: true }).request(
    requestContext(),
  );
  expect(v4.headers?.authorization).toMatch(/\/cn-north-4\/s3\/aws4_request,SignedHeaders=.*x-amz-request-payer/);
});

test('neither inspect nor JSON of a source shows a secret', async () => {
  const canaries = ['canaryAccess', 'canarySecret', 'canaryToken', 'canaryQuery', 'canaryHeader', 'Y2FuYXJ5'];
  const credentials = { accessKeyId: 'canaryAccess', secretAccessKey: 'canarySecret', securityToken: 'canaryToken' };
  const options = {
    ...OBJECT,
    signature: 'v4',
    region: 'r',
    sseC: { key: Buffer.from('canary'.padEnd(32)) },
    query: { attname: 'canaryQuery', other: 'canaryQuery' },
  } as const;
  const url = 'https://h.example.com/x?canaryQuery=canarySecret';
  const headers = { authorization: 'canaryHeader' };
  const sources = [
    obs({ ...options, credentials }),
    obs({ ...options, credentials: () => credentials }),
    s3({ ...options, credentials }),
    http(url, { headers }),
    http(() => url, { headers }),
  ];
  for (const source of sources) {
    await source.request(requestContext());
    const shown = `${inspect(source, { depth: 9, showHidden: true, getters: true })} ${JSON.stringify(source)}`;
    for (const canary of canaries) expect(shown).not.toContain(canary);
    expect(shown).toContain(source.name);
  }
});

test('a presigned URL is made from the same options', () => {
  const date = new Date('2026-01-02T03:04:05Z');
  const credentials = {
    accessKeyId: 'AKIDEXAMPLE0000000001',
    secretAccessKey: 'SKexampleSKexampleSKexampleSKexample0001',
  };
  const store = { endpoint: 'obs.cn-north-4.myhuaweicloud.com', bucket: 'examplebucket', credentials, date };
  expect(createPresignedUrl({ ...store, key: 'objectkey', expiresInSeconds: 3600 })).toMatch(
    /Expires=1767326645&Signature=hZ%2BFxeZRTY1sOD7z4slZG2CJK5E%3D$/,
  );
  const v4 = { ...store, key: 'dir/a b.txt', versionId: 'G00==', signature: 'v4', region: 'cn-north-4' } as const;
  expect(createPresignedUrl({ ...v4, expiresInSeconds: 3600 })).toMatch(
    /X-Amz-Signature=f5ddc46e0971020daca452058df3b7d2d7b7c11d924fa2a6eba6e5f8acdf749a$/,
  );
  expect(() => createPresignedUrl({ ...store, key: 'k', expiresInSeconds: 0 })).toThrow(
    expect.objectContaining({ option: 'expiresInSeconds' }),
  );
});
