import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseEndpoint } from '../../src/source/endpoint.js';
import type { QueryPair } from '../../src/source/key-encoding.js';
import { type Addressing, locateObject } from '../../src/source/object-place.js';
import { obs } from '../../src/source/obs-source.js';
import { type ObsDialect, obsSignature, obsStringToSign, presignObs } from '../../src/source/sign-obs.js';
import type { ObsSourceOptions } from '../../src/source-options.js';
import { requestContext } from './request-context.js';

const AK = 'AKIDEXAMPLE0000000001';
const SK = 'SKexampleSKexampleSKexampleSKexample0001';
const HOST = 'obs.cn-north-4.myhuaweicloud.com';
const NOW = new Date('2026-01-02T03:04:05Z');
const DATE = 'Fri, 02 Jan 2026 03:04:05 GMT';
const ODD_KEY = "dir/a b+c'(é)~!*&?#%.bin";
const ODD_KEY_ENCODED = 'dir/a%20b%2Bc%27%28%C3%A9%29~%21%2A%26%3F%23%25.bin';

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

async function signed(options: Partial<ObsSourceOptions>, method: 'GET' | 'HEAD' = 'GET') {
  const source = obs({
    endpoint: HOST,
    bucket: 'examplebucket',
    key: 'objectkey',
    credentials: { accessKeyId: AK, secretAccessKey: SK },
    ...options,
  });
  const request = await source.request(requestContext({ method }));
  return { url: request.url, headers: request.headers ?? {} };
}

test('A1: the v2 signature is the one that AWS published', () => {
  const text = obsStringToSign({
    dialect: 'v2',
    method: 'GET',
    headers: { range: 'bytes=0-1' },
    resource: '/johnsmith/photos/puppy.jpg',
    query: [],
    date: 'Tue, 27 Mar 2007 19:36:42 +0000',
  });
  expect(text).toBe('GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/johnsmith/photos/puppy.jpg');
  expect(obsSignature('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', text)).toBe('bWq2s1WEIj+Ydj0vQ697zp+IXMU=');
});

test('H1: a GET is signed as the official SDK signs it, and the range is not signed', async () => {
  expect(await signed({})).toEqual({
    url: `https://examplebucket.${HOST}/objectkey`,
    headers: { date: DATE, authorization: `OBS ${AK}:RxM58KGgnHYKO6OTCnrqSuoU9U4=` },
  });
});

test('H3: a HEAD is signed as the official SDK signs it', async () => {
  const { headers } = await signed({}, 'HEAD');
  expect(headers.authorization).toBe(`OBS ${AK}:kE0hvufJFt2M8T+4sZfNh8TK6UA=`);
});

test('H2: odd key, token, version, overrides, image process, SSE-C and requester pays are signed together', async () => {
  const { url, headers } = await signed({
    key: ODD_KEY,
    versionId: 'G00==',
    query: { 'response-content-type': 'text/plain; charset=utf-8', 'x-image-process': 'image/resize,w_100' },
    credentials: { accessKeyId: AK, secretAccessKey: SK, securityToken: 'TOK/en+==' },
    sseC: { key: Buffer.from('0123456789abcdef0123456789abcdef') },
    requesterPays: true,
  });
  expect(url).toBe(
    `https://examplebucket.${HOST}/${ODD_KEY_ENCODED}?response-content-type=text/plain%3B%20charset%3Dutf-8&versionId=G00%3D%3D&x-image-process=image/resize%2Cw_100`,
  );
  expect(headers).toEqual({
    date: DATE,
    'x-obs-request-payer': 'requester',
    'x-obs-security-token': 'TOK/en+==',
    'x-obs-server-side-encryption-customer-algorithm': 'AES256',
    'x-obs-server-side-encryption-customer-key': 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
    'x-obs-server-side-encryption-customer-key-md5': 'hRasmdxgYDKV3nvbahU1MA==',
    authorization: `OBS ${AK}:ZswQ45MVDQDDz8ifWvTv2Ya0GMc=`,
  });
});

test('H4: v2 path style with a Chinese key and a token', async () => {
  const { url, headers } = await signed({
    key: 'dir/中文 1.txt',
    signature: 'v2',
    addressing: 'path',
    credentials: { accessKeyId: AK, secretAccessKey: SK, securityToken: 'TOK' },
  });
  expect(url).toBe(`https://${HOST}/examplebucket/dir/%E4%B8%AD%E6%96%87%201.txt`);
  expect(headers).toEqual({
    date: DATE,
    'x-amz-security-token': 'TOK',
    authorization: `AWS ${AK}:1HdTDCfqxiS7vEkywwNYT0Zsn5c=`,
  });
});

test('H5: v2 on a custom domain signs the domain in place of the bucket', async () => {
  const { url, headers } = await signed({
    endpoint: 'obs.ccc.com',
    key: 'object.txt',
    signature: 'v2',
    addressing: 'custom-domain',
  });
  expect(url).toBe('https://obs.ccc.com/object.txt');
  expect(headers.authorization).toBe(`AWS ${AK}:Fwdv8SWM1IDn2/AzK8lRSp70vMU=`);
});

test('H7: slashes at the ends and in a row are part of the key', async () => {
  const { url, headers } = await signed({ key: '/a//b/' });
  expect(url).toBe(`https://examplebucket.${HOST}//a//b/`);
  expect(headers.authorization).toBe(`OBS ${AK}:HwUjmlya1cHH82OgGM2VYye2YD0=`);
});

function presigned(dialect: ObsDialect, key: string, over: Presigning = {}): { url: string; signature: string } {
  const place = locateObject({
    endpoint: parseEndpoint(over.host ?? HOST),
    addressing: over.addressing ?? 'virtual',
    bucket: 'examplebucket',
    key,
    query: over.query ?? [],
  });
  const credentials = { accessKeyId: AK, secretAccessKey: SK, ...(over.token ? { securityToken: over.token } : {}) };
  const expiresAt = new Date(NOW.getTime() + 3_600_000);
  const url = presignObs({ dialect, credentials, method: 'GET', place, headers: over.headers ?? {} }, expiresAt);
  return { url, signature: /Signature=(.*)$/.exec(url)?.[1] ?? '' };
}
interface Presigning {
  host?: string;
  addressing?: Addressing;
  query?: QueryPair[];
  token?: string;
  headers?: Record<string, string>;
}

test('U1: a temporary URL is the one of the official SDK', () => {
  expect(presigned('obs', 'objectkey').url).toBe(
    `https://examplebucket.${HOST}/objectkey?AccessKeyId=${AK}&Expires=1767326645&Signature=hZ%2BFxeZRTY1sOD7z4slZG2CJK5E%3D`,
  );
});

test('U2: a temporary URL signs the token and the sub-resources, and leaves other parameters unsigned', () => {
  const query: QueryPair[] = [
    ['versionId', 'G00=='],
    ['response-content-type', 'text/plain; charset=utf-8'],
    ['x-image-process', 'image/resize,w_100'],
    ['attname', 'n 1.txt'],
    ['foo', 'bar'],
  ];
  const { url, signature } = presigned('obs', ODD_KEY, { query, token: 'TOK/en+==' });
  expect(signature).toBe('BeFf/Vh24TFfwVXrK9IUMTsvx2c%3D');
  expect(url).toContain('&foo=bar&');
  expect(url).toContain('x-obs-security-token=TOK/en%2B%3D%3D');
});

test('U3: a temporary URL of v2, path style', () => {
  const { url, signature } = presigned('v2', 'dir/中文 1.txt', { addressing: 'path' });
  expect(signature).toBe('Xg7ppY56bbbzQLjvUFs4M/g1b44%3D');
  expect(url).toContain(`?AWSAccessKeyId=${AK}&Expires=1767326645&`);
});

test('U4: a temporary URL of v2 on a custom domain', () => {
  const { signature } = presigned('v2', 'object.txt', { addressing: 'custom-domain', host: 'obs.ccc.com' });
  expect(signature).toBe('NB7KtSj6Q7vPxNCI5HovP6TEb4A%3D');
});

test('U6: a temporary URL signs the content type and the headers of the dialect', () => {
  const headers = { 'content-type': 'text/plain', 'x-obs-server-side-encryption-customer-algorithm': 'AES256' };
  expect(presigned('obs', 'k', { headers }).signature).toBe('YE0wa85ffDJjqP7GkP/YkUfe16s%3D');
});

test('a date header of the dialect empties the date line and is signed as a header', () => {
  const signable = { method: 'GET', resource: '/b/k', query: [], date: DATE };
  const headers = { 'x-obs-date': ` ${DATE} ` };
  expect(obsStringToSign({ ...signable, dialect: 'obs', headers })).toBe(`GET\n\n\n\nx-obs-date:${DATE}\n/b/k`);
  expect(obsStringToSign({ ...signable, dialect: 'v2', headers })).toBe(`GET\n\n\n${DATE}\n/b/k`);
});

test('sub-resources are signed decoded, sorted, and without "=" when they are empty', () => {
  const query: QueryPair[] = [
    ['x-obs-traffic-limit', '819200'],
    ['unknown', 'x'],
    ['versionId', 'a/b c'],
    ['acl', ''],
  ];
  const text = obsStringToSign({ dialect: 'obs', method: 'GET', headers: {}, resource: '/b/k', query, date: DATE });
  expect(text).toBe(`GET\n\n\n${DATE}\n/b/k?acl&versionId=a/b c&x-obs-traffic-limit=819200`);
});
