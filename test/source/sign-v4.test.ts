import { expect, test } from 'vitest';
import { parseEndpoint } from '../../src/source/endpoint.js';
import type { QueryPair } from '../../src/source/key-encoding.js';
import { locateObject } from '../../src/source/object-place.js';
import { presignV4, signV4, v4CanonicalRequest, v4Signature } from '../../src/source/sign-v4.js';

const AK = 'AKIDEXAMPLE0000000001';
const SK = 'SKexampleSKexampleSKexampleSKexample0001';
const HOST = 'obs.cn-north-4.myhuaweicloud.com';
const NOW = new Date('2026-01-02T03:04:05Z');
const VERSION: QueryPair[] = [['versionId', 'G00==']];

function placeOf(endpoint: string, bucket: string, key: string, query: QueryPair[] = []) {
  return locateObject({ endpoint: parseEndpoint(endpoint), addressing: 'virtual', bucket, key, query });
}

test('A2: the v4 presigned URL is the one that AWS published', () => {
  const url = presignV4(
    {
      credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
      region: 'us-east-1',
      method: 'GET',
      place: placeOf('s3.amazonaws.com', 'examplebucket', 'test.txt'),
      headers: {},
    },
    new Date('2013-05-24T00:00:00Z'),
    86_400,
  );
  expect(url).toBe(
    'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
      '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z' +
      '&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

test('H6: canonical request and signature are those of the official OBS SDK', () => {
  const canonical = v4CanonicalRequest({
    method: 'GET',
    path: '/dir/a%20b.txt',
    query: VERSION,
    headers: {
      'x-amz-security-token': 'TOK',
      range: 'bytes=0-99',
      date: 'Fri, 02 Jan 2026 03:04:05 GMT',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      host: `examplebucket.${HOST}`,
    },
  });
  expect(canonical).toBe(
    `GET\n/dir/a%20b.txt\nversionId=G00%3D%3D\ndate:Fri, 02 Jan 2026 03:04:05 GMT\nhost:examplebucket.${HOST}\nrange:bytes=0-99\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-security-token:TOK\n\ndate;host;range;x-amz-content-sha256;x-amz-security-token\nUNSIGNED-PAYLOAD`,
  );
  expect(v4Signature(SK, 'cn-north-4', NOW, canonical)).toBe(
    '237f47e250a4ef7882dc7089e4004051d0271de804225f503e0df17cd9b74359',
  );
});

test('U5: the v4 presigned URL is the one of the official OBS SDK', () => {
  const url = presignV4(
    {
      credentials: { accessKeyId: AK, secretAccessKey: SK },
      region: 'cn-north-4',
      method: 'GET',
      place: placeOf(HOST, 'examplebucket', 'dir/a b.txt', VERSION),
      headers: {},
    },
    NOW,
    3600,
  );
  expect(url).toBe(
    `https://examplebucket.${HOST}/dir/a%20b.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${AK}%2F20260102%2Fcn-north-4%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&versionId=G00%3D%3D&X-Amz-Signature=f5ddc46e0971020daca452058df3b7d2d7b7c11d924fa2a6eba6e5f8acdf749a`,
  );
});

test('the header form signs host, range and x-amz headers, and leaves what proxies touch unsigned', () => {
  const headers = signV4(
    {
      credentials: { accessKeyId: AK, secretAccessKey: SK, securityToken: 'TOK' },
      region: 'us-east-1',
      method: 'GET',
      place: placeOf('http://localhost:9000', 'examplebucket', 'k'),
      headers: {
        range: 'bytes=0-9',
        'if-match': '"x"',
        'accept-encoding': 'identity',
        'x-amz-checksum-mode': 'ENABLED',
      },
    },
    NOW,
  );
  const { authorization, ...own } = headers;
  expect(own).toEqual({
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'x-amz-date': '20260102T030405Z',
    'x-amz-security-token': 'TOK',
  });
  const canonical = v4CanonicalRequest({
    method: 'GET',
    path: '/k',
    query: [],
    headers: { ...own, range: 'bytes=0-9', 'x-amz-checksum-mode': 'ENABLED', host: 'examplebucket.localhost:9000' },
  });
  expect(authorization).toBe(
    `AWS4-HMAC-SHA256 Credential=${AK}/20260102/us-east-1/s3/aws4_request,` +
      'SignedHeaders=host;range;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date;x-amz-security-token,' +
      `Signature=${v4Signature(SK, 'us-east-1', NOW, canonical)}`,
  );
});

test('the GET of the AWS documentation has the same string to sign but for its payload mode', () => {
  // "GET Object" of the S3 reference signs the hash of an empty body; the rest of its canonical request is ours.
  const canonical = v4CanonicalRequest({
    method: 'GET',
    path: '/test.txt',
    query: [],
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      range: 'bytes=0-9',
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-amz-date': '20130524T000000Z',
    },
  }).replace(/UNSIGNED-PAYLOAD$/, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  const date = new Date('2013-05-24T00:00:00Z');
  expect(v4Signature('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'us-east-1', date, canonical)).toBe(
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
});
