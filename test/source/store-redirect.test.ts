import { expect, test, vi } from 'vitest';
import { obs } from '../../src/source/obs-source.js';
import { s3 } from '../../src/source/s3-source.js';
import type { ObsSourceOptions } from '../../src/source-options.js';
import { requestContext } from './request-context.js';

const CREDENTIALS = { accessKeyId: 'AK', secretAccessKey: 'SK', securityToken: 'TOKEN' };
const NORTH = 'https://obs.cn-north-4.myhuaweicloud.com';

function follow(url: string, statusCode = 307, over: Partial<ObsSourceOptions> = {}) {
  const source = obs({
    endpoint: NORTH,
    bucket: 'films',
    key: 'dir/a b',
    versionId: 'V1',
    credentials: CREDENTIALS,
    sseC: { key: new Uint8Array(32) },
    ...over,
  });
  return source.follow?.(url, statusCode, requestContext());
}

test.each([
  ['https://films.obs.cn-south-1.myhuaweicloud.com/dir/a%20b?versionId=V1'],
  ['https://obs.cn-south-1.myhuaweicloud.com/films/dir/a%20b?versionId=V1'],
  ['https://films.obs.cn-north-4.myhuaweicloud.com/dir/a%20b?versionId=V1'],
  ['https://obs.myhuaweicloud.com/films/dir/a%20b?versionId=V1'],
])('a redirect within the service is signed: %s', async (url) => {
  const request = await follow(url);
  expect(request?.url).toBe(url);
  expect(request?.headers?.authorization).toMatch(/^OBS AK:/);
  expect(request?.headers?.['x-obs-security-token']).toBe('TOKEN');
});

test('the same object is signed for the same resource, whatever the form of the host', async () => {
  const direct = obs({ endpoint: NORTH, bucket: 'films', key: 'k', credentials: CREDENTIALS });
  vi.useFakeTimers({ now: 0 });
  const now = await direct.request(requestContext());
  const virtual = await direct.follow?.('https://films.obs.cn-south-1.myhuaweicloud.com/k', 307, requestContext());
  const path = await direct.follow?.('https://obs.cn-south-1.myhuaweicloud.com/films/k', 307, requestContext());
  vi.useRealTimers();
  expect(now.headers?.authorization).toMatch(/^OBS AK:/);
  expect(virtual?.headers?.authorization).toBe(now.headers?.authorization);
  expect(path?.headers?.authorization).toBe(now.headers?.authorization);
});

test.each([
  ['https://obs.cn-south-1.myhuaweicloud.com', 'https://films.obs.cn-south-1.myhuaweicloud.com/dir/a%20b?versionId=V1'],
  [
    'https://films.obs.cn-south-1.myhuaweicloud.com/',
    'https://films.obs.cn-south-1.myhuaweicloud.com/dir/a%20b?versionId=V1',
  ],
])('a redirect without a path keeps path and query: %s', async (url, wire) => {
  expect((await follow(url))?.url).toBe(wire);
});

// Invariant's own list, written out: nothing here is taken from the code under test.
test.each([
  'https://evil.example/films/dir/a%20b',
  'https://obs.cn-south-1.myhuaweicloud.com.evil.example/k',
  'https://evil-myhuaweicloud.com/k',
  'https://obs.cn-south-1.evilmyhuaweicloud.com/k',
  'https://evil.myhuaweicloud.com/k',
  'https://films.evil.myhuaweicloud.com/k',
  'https://other.obs.cn-south-1.myhuaweicloud.com/k',
  'https://s3.cn-south-1.myhuaweicloud.com/k',
  'https://obs.cn-south-1.myhuaweicloud.com:8443/k',
  'https://obs.cn-south-1.myhuaweicloud.com@evil.example/k',
  'https://user@obs.cn-south-1.myhuaweicloud.com/k',
  'https://evil.example\\@obs.cn-south-1.myhuaweicloud.com/k',
  'http://obs.cn-south-1.myhuaweicloud.com/k',
  'http://films.obs.cn-north-4.myhuaweicloud.com/dir/a%20b',
  'http://169.254.169.254/latest',
  'https://127.0.0.1/k',
  'https://localhost/k',
  'file:///etc/passwd',
  '//obs.cn-south-1.myhuaweicloud.com/k',
  'https://obs.cn-south-1.myhuaweicloud.com/k\r\nx: y',
  'https://obs.cn-south-1.myhuaweicloud.com/films/k?Signature=x&Expires=1&AccessKeyId=y',
  'https://obs.cn-south-1.myhuaweicloud.com/films/k?X-Amz-Signature=x',
  'https://obs.cn-south-1.myhuaweicloud.com/films/k?a=%',
])("nothing is signed for a host that is not the store's own, nor for plain http after https: %j", async (url) => {
  expect(await follow(url)).toBeUndefined();
});

test('a 302 is never signed', async () => {
  expect(await follow('https://films.obs.cn-south-1.myhuaweicloud.com/dir/a%20b', 302)).toBeUndefined();
});

test.each([
  ['http://127.0.0.1:9000', 'http://127.0.0.1:9000/films/other', true],
  ['http://127.0.0.1:9000', 'http://127.0.0.1:9001/films/other', false],
  ['http://127.0.0.1:9000', 'http://127.0.0.2:9000/films/other', false],
  ['http://127.0.0.1:9000', 'http://localhost:9000/films/other', false],
  ['http://store.internal', 'http://store.internal/films/k', true],
  ['http://store.internal', 'https://store.internal/films/k', true],
  ['http://store.internal', 'http://other.internal/films/k', false],
  ['http://obs.co.uk', 'http://obs.eu-west-1.co.uk/films/k', false],
])('from %s to %s is signed: %s', async (endpoint, url, isSigned) => {
  const request = await follow(url, 307, { endpoint, addressing: 'path' });
  expect(request !== undefined).toBe(isSigned);
});

test('a custom domain signs for itself alone', async () => {
  const over = { endpoint: 'https://cdn.example.com', addressing: 'custom-domain' } as const;
  expect(await follow('https://cdn.example.com/x', 307, over)).toBeDefined();
  expect(await follow('https://films.cdn.example.com/x', 307, over)).toBeUndefined();
});

test('s3 signs for the region that the host of the redirect names', async () => {
  const source = s3({ endpoint: 's3.amazonaws.com', bucket: 'films', key: 'k', credentials: CREDENTIALS });
  for (const host of ['films.s3.eu-west-1.amazonaws.com', 'films.s3-eu-west-1.amazonaws.com']) {
    const request = await source.follow?.(`https://${host}/k`, 301, requestContext());
    expect(request?.headers?.authorization).toContain('/eu-west-1/s3/aws4_request');
  }
  const china = s3({ endpoint: 's3.cn-north-1.amazonaws.com.cn', bucket: 'films', key: 'k', credentials: CREDENTIALS });
  expect(
    await china.follow?.('https://films.s3.cn-northwest-1.amazonaws.com.cn/k', 307, requestContext()),
  ).toBeDefined();
  expect(await china.follow?.('https://films.s3.evil.com.cn/k', 307, requestContext())).toBeUndefined();
});

test('an anonymous source keeps its own headers within the service', async () => {
  const request = await follow('https://films.obs.cn-south-1.myhuaweicloud.com/k', 307, { credentials: 'anonymous' });
  expect(request?.headers).not.toHaveProperty('authorization');
  expect(request?.headers).toHaveProperty('x-obs-server-side-encryption-customer-key');
});
