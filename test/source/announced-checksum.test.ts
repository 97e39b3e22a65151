import { expect, test } from 'vitest';
import type { ResponseHeaders } from '../../src/object-info.js';
import { httpChecksum, obsChecksum, s3Checksum } from '../../src/source/announced-checksum.js';
import { http } from '../../src/source/http-source.js';
import { obs } from '../../src/source/obs-source.js';

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
const ETAG = `"${MD5}"`;
const CRC32C = 'AAAAAA==';
const SHA256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
const CRC64 = '11051210869376104954';
const full = { 'x-amz-checksum-type': 'FULL_OBJECT' };

test.each<[string, ResponseHeaders, string | undefined]>([
  ['the CRC-64 of OBS', { 'x-obs-checksum-crc64ecma': CRC64, etag: ETAG }, `crc64ecma ${CRC64}`],
  ['the CRC-64 under its other name', { 'x-amz-checksum-crc64ecma': CRC64 }, `crc64ecma ${CRC64}`],
  ['a CRC-64 that is no 64-bit number', { 'x-obs-checksum-crc64ecma': '18446744073709551616' }, undefined],
  ['a CRC-64 that came twice', { 'x-obs-checksum-crc64ecma': [CRC64, CRC64] }, undefined],
  ['an ETag of a plain upload', { etag: ETAG }, `md5 ${MD5}`],
  ['a multipart ETag (T064)', { etag: `"${MD5}-57"` }, undefined],
  ['a weak ETag', { etag: `W/${ETAG}` }, undefined],
  ['an ETag without quotes', { etag: MD5 }, undefined],
  ['an encrypted object', { etag: ETAG, 'x-obs-server-side-encryption': 'AES256' }, undefined],
  ['SSE-KMS', { etag: ETAG, 'x-obs-server-side-encryption': 'kms' }, undefined],
  ['SSE-C', { etag: ETAG, 'x-obs-server-side-encryption-customer-algorithm': 'AES256' }, undefined],
  ['SM4', { etag: ETAG, 'x-obs-server-side-data-encryption': 'SM4' }, undefined],
  ['encryption in the names of v2', { etag: ETAG, 'x-amz-server-side-encryption': 'AES256' }, undefined],
  ['an appendable object', { etag: ETAG, 'x-obs-object-type': 'Appendable' }, undefined],
])('obs takes or leaves %s', (_name, headers, expected) => {
  expect(text(obsChecksum(headers))).toBe(expected);
});

test.each<[string, ResponseHeaders, string | undefined]>([
  ['a full-object CRC', { ...full, 'x-amz-checksum-crc32c': CRC32C, etag: `"${MD5}-3"` }, `crc32c ${CRC32C}`],
  [
    'CRC-64 before others',
    { ...full, 'x-amz-checksum-sha256': SHA256, 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' },
    'crc64nvme AAAAAAAAAAA=',
  ],
  ['a checksum without a type', { 'x-amz-checksum-sha256': SHA256, etag: ETAG }, `sha256 ${SHA256}`],
  [
    'a composite one',
    { 'x-amz-checksum-type': 'COMPOSITE', 'x-amz-checksum-crc32c': CRC32C, etag: `"${MD5}-3"` },
    undefined,
  ],
  ['a checksum of part checksums', { 'x-amz-checksum-crc32c': `${CRC32C}-3`, etag: `"${MD5}-3"` }, undefined],
  ['one without its -N on a multipart object', { 'x-amz-checksum-crc32c': CRC32C, etag: `"${MD5}-3"` }, undefined],
  [
    'one of a range that may be a part',
    { ...full, 'x-amz-checksum-crc32c': CRC32C, etag: `"${MD5}-3"`, 'content-range': 'bytes 0-99/500' },
    undefined,
  ],
  [
    'a typed one on a range of a plain object',
    { ...full, 'x-amz-checksum-crc32c': CRC32C, etag: ETAG, 'content-range': 'bytes 0-99/500' },
    `crc32c ${CRC32C}`,
  ],
  [
    'a range that is the whole object',
    { 'x-amz-checksum-crc32c': CRC32C, etag: ETAG, 'content-range': 'bytes 0-99/100' },
    `crc32c ${CRC32C}`,
  ],
  ['a value of the wrong length', { ...full, 'x-amz-checksum-crc32c': SHA256, etag: ETAG }, `md5 ${MD5}`],
  ['an ETag with SSE-S3', { etag: ETAG, 'x-amz-server-side-encryption': 'AES256' }, `md5 ${MD5}`],
  ['an ETag with SSE-S3 at OBS', { etag: ETAG, 'x-amz-server-side-encryption': 'AES256', server: 'OBS' }, undefined],
  ['an ETag with SSE-KMS', { etag: ETAG, 'x-amz-server-side-encryption': 'aws:kms' }, undefined],
  ['an ETag with SSE-C', { etag: ETAG, 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }, undefined],
])('s3 takes or leaves %s', (_name, headers, expected) => {
  expect(text(s3Checksum(headers))).toBe(expected);
});

test.each<[string, ResponseHeaders, string | undefined]>([
  ['an ETag', { etag: ETAG }, undefined],
  ['hashes of Google', { 'x-goog-hash': ['crc32c=AAAAAA==', 'md5=1B2M2Y8AsgTpgAmY7PhCfg=='] }, 'crc32c AAAAAA=='],
  ['an MD5 of Google', { 'x-goog-hash': 'md5=1B2M2Y8AsgTpgAmY7PhCfg==' }, 'md5 1B2M2Y8AsgTpgAmY7PhCfg=='],
  ['two different hashes', { 'x-goog-hash': 'crc32c=AAAAAA==,crc32c=AAAAAQ==' }, undefined],
  [
    'a hash of bytes that were stored compressed',
    { 'x-goog-hash': 'crc32c=AAAAAA==', 'x-goog-stored-content-encoding': 'gzip' },
    undefined,
  ],
  ['a Repr-Digest', { 'repr-digest': `sha-512=:AAAA:, sha-256=:${SHA256}:` }, `sha256 ${SHA256}`],
  ['a broken Repr-Digest', { 'repr-digest': 'sha-256=:AAAA:' }, undefined],
  ['the CRC-64 behind a presigned URL', { 'x-obs-checksum-crc64ecma': CRC64 }, `crc64ecma ${CRC64}`],
])('http takes or leaves %s', (_name, headers, expected) => {
  expect(text(httpChecksum(headers))).toBe(expected);
});

test("what a query makes of the object has not the object's checksum", () => {
  const headers = { 'x-obs-checksum-crc64ecma': CRC64 };
  const object = { endpoint: 'obs.example.com', bucket: 'films', key: 'k', credentials: 'anonymous' } as const;
  expect(obs(object).checksum?.(headers)).toBeDefined();
  expect(obs({ ...object, query: { 'x-image-process': 'image/resize,w_1' } }).checksum?.(headers)).toBeUndefined();
  expect(http('https://h.example.com/k?x-image-process=image').checksum?.(headers)).toBeUndefined();
  expect(http('https://h.example.com/k?Signature=x').checksum?.(headers)).toBeDefined();
});

function text(checksum: { algorithm: string; value: string } | undefined): string | undefined {
  return checksum && `${checksum.algorithm} ${checksum.value}`;
}
