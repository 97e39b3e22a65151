/**
 * The whole-object checksum that a response announces. Refuses what only looks like one: checksums of a part or of
 * part checksums, the ETag of a multipart, appended or encrypted object. A false one would fail a good download.
 */

import { byteLength, parseContentRange } from '../byte-range.js';
import type { AnnouncedChecksum, ChecksumAlgorithm } from '../checksum.js';
import type { ResponseHeaders } from '../object-info.js';

/** What OBS announces: CRC-64 of the object; else an ETag that is an MD5. */
export function obsChecksum(headers: ResponseHeaders): AnnouncedChecksum | undefined {
  return crc64ecma(headers) ?? md5Etag(headers, true);
}

/** What S3 and its relatives announce. */
export function s3Checksum(headers: ResponseHeaders): AnnouncedChecksum | undefined {
  return crc64ecma(headers) ?? amzChecksum(headers) ?? md5Etag(headers, /^OBS/i.test(only(headers, 'server') ?? ''));
}

/** What any HTTP server may announce in headers that name their algorithm; an ETag proves nothing here. */
export function httpChecksum(headers: ResponseHeaders): AnnouncedChecksum | undefined {
  return crc64ecma(headers) ?? amzChecksum(headers) ?? googChecksum(headers) ?? reprDigest(headers);
}

/** Query parameters that make the answer something else than the object: its checksum is none of the bytes'. */
export function changesTheBytes(queryName: string): boolean {
  return /^(?:x-(?:image|oss)-process|partnumber)$/i.test(queryName);
}

function only(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

function crc64ecma(headers: ResponseHeaders): AnnouncedChecksum | undefined {
  const value = only(headers, 'x-obs-checksum-crc64ecma') ?? only(headers, 'x-amz-checksum-crc64ecma');
  if (value === undefined || !/^\d{1,20}$/.test(value) || BigInt(value) > 0xffff_ffff_ffff_ffffn) return undefined;
  return { algorithm: 'crc64ecma', value };
}

// Those that combine from blocks come first. The number is the length in bytes.
const AMZ_CHECKSUMS: readonly (readonly [ChecksumAlgorithm, number])[] = [
  ['crc64nvme', 8],
  ['crc32c', 4],
  ['crc32', 4],
  ['sha256', 32],
  ['sha1', 20],
];

// Invariant: a checksum of a part, or of part checksums, is never taken for the object's.
function amzChecksum(headers: ResponseHeaders): AnnouncedChecksum | undefined {
  const type = only(headers, 'x-amz-checksum-type')?.toUpperCase();
  if (type !== undefined && type !== 'FULL_OBJECT') return undefined;
  const isMultipart = /-/.test(only(headers, 'etag') ?? '');
  // A range that happens to be one part gets that part's checksum, without the `-N` that would tell.
  const isRange = !isWholeObject(headers);
  if (type === undefined ? isMultipart || isRange : isMultipart && isRange) return undefined;
  for (const [algorithm, length] of AMZ_CHECKSUMS) {
    const value = only(headers, `x-amz-checksum-${algorithm}`);
    if (value !== undefined && isBase64(value, length)) return { algorithm, value };
  }
  return undefined;
}

function isWholeObject(headers: ResponseHeaders): boolean {
  if (headers['content-range'] === undefined) return true;
  const range = parseContentRange(only(headers, 'content-range') ?? '');
  return range !== undefined && byteLength(range) === range.total;
}

/** `strict`: OBS, where the ETag of an encrypted object is never its MD5; at S3 it still is with AES256. */
function md5Etag(headers: ResponseHeaders, strict: boolean): AnnouncedChecksum | undefined {
  const value = /^"([0-9a-f]{32})"$/i.exec(only(headers, 'etag') ?? '')?.[1];
  if (value === undefined) return undefined;
  const isEncrypted = Object.keys(headers).some(
    (name) =>
      /^x-(?:obs|amz)-server-side-/.test(name) &&
      (strict || name !== 'x-amz-server-side-encryption' || headers[name] !== 'AES256'),
  );
  const isAppendable = ['x-obs-object-type', 'x-obs-next-append-position', 'x-rgw-object-type'].some(
    (name) => headers[name] !== undefined && headers[name] !== 'Normal',
  );
  return isEncrypted || isAppendable ? undefined : { algorithm: 'md5', value: value.toLowerCase() };
}

/** `crc32c=…,md5=…`, of the bytes as stored. */
function googChecksum(headers: ResponseHeaders): AnnouncedChecksum | undefined {
  const stored = only(headers, 'x-goog-stored-content-encoding') ?? 'identity';
  if (stored !== (only(headers, 'content-encoding') ?? 'identity')) return undefined;
  const hashes = listOf(headers, 'x-goog-hash').map((item) => /^(crc32c|md5)=(.*)$/i.exec(item));
  for (const [algorithm, length] of [
    ['crc32c', 4],
    ['md5', 16],
  ] as const) {
    const found = hashes.filter((match) => match?.[1]?.toLowerCase() === algorithm);
    const value = found[0]?.[2];
    if (found.length === 1 && value !== undefined && isBase64(value, length)) return { algorithm, value };
  }
  return undefined;
}

/** RFC 9530 section 3: a digest of the whole representation, whatever range of it was sent. */
function reprDigest(headers: ResponseHeaders): AnnouncedChecksum | undefined {
  const found = listOf(headers, 'repr-digest').flatMap((item) => /^sha-256=:([^:]*):$/.exec(item)?.[1] ?? []);
  const value = found[0];
  return found.length === 1 && value !== undefined && isBase64(value, 32) ? { algorithm: 'sha256', value } : undefined;
}

function listOf(headers: ResponseHeaders, name: string): string[] {
  const value = headers[name] ?? [];
  return (Array.isArray(value) ? value.join(',') : value).split(',').map((item) => item.trim());
}

function isBase64(value: string, length: number): boolean {
  return Buffer.from(value, 'base64').length === length && Buffer.from(value, 'base64').toString('base64') === value;
}
