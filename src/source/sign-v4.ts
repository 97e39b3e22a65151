/**
 * AWS signature version 4 with the payload mode UNSIGNED-PAYLOAD, which S3, MinIO, Ceph and OBS all take. Pure functions
 * of their arguments, the date included. The path is encoded once and never normalised, as S3 has it.
 */

import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from '../source-options.js';
import { formatAuthority, formatOrigin } from './endpoint.js';
import { formatCanonicalQuery, type QueryPair, sorted } from './key-encoding.js';
import type { ObjectPlace } from './object-place.js';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const PAYLOAD_HASH = 'UNSIGNED-PAYLOAD';

/** What is signed; header names in lower case. All headers given here are signed. */
export interface V4Signable {
  readonly method: string;
  readonly path: string;
  readonly query: readonly QueryPair[];
  readonly headers: Readonly<Record<string, string>>;
}

export function v4CanonicalRequest(signable: V4Signable): string {
  const headers = sorted(Object.entries(signable.headers));
  return [
    signable.method,
    signable.path,
    formatCanonicalQuery(signable.query),
    ...headers.map(([name, value]) => `${name}:${value.trim().replace(/ {2,}/g, ' ')}`),
    '',
    signedHeaderNames(signable.headers),
    PAYLOAD_HASH,
  ].join('\n');
}

/** The signature of a canonical request, in hex. */
export function v4Signature(secretAccessKey: string, region: string, date: Date, canonicalRequest: string): string {
  const hash = createHash('sha256').update(canonicalRequest, 'utf8').digest('hex');
  const stringToSign = [ALGORITHM, timestamp(date), scope(region, date), hash].join('\n');
  const key = scope(region, date)
    .split('/')
    .reduce<string | Buffer>(
      (secret, word) => createHmac('sha256', secret).update(word).digest(),
      `AWS4${secretAccessKey}`,
    );
  return createHmac('sha256', key).update(stringToSign).digest('hex');
}

/** What both forms of a signature need. */
export interface V4Signing {
  readonly credentials: Credentials;
  readonly region: string;
  readonly method: string;
  readonly place: ObjectPlace;
  readonly headers: Readonly<Record<string, string>>;
}

// Others (if-match, accept-encoding, user-agent) are the pipeline's own matter, and proxies may touch them.
const SIGNED = /^(?:host|range|content-md5|content-type|x-amz-.+)$/;

/** The headers that sign a request; `host` is signed and, being the URL's own, not returned. */
export function signV4(signing: V4Signing, date: Date): Record<string, string> {
  const { credentials, region, place } = signing;
  const own: Record<string, string> = { 'x-amz-content-sha256': PAYLOAD_HASH, 'x-amz-date': timestamp(date) };
  if (credentials.securityToken !== undefined) own['x-amz-security-token'] = credentials.securityToken;
  const all = { ...signing.headers, ...own, host: formatAuthority(place.endpoint) };
  const headers = Object.fromEntries(Object.entries(all).filter(([name]) => SIGNED.test(name)));
  const canonical = v4CanonicalRequest({ method: signing.method, path: place.path, query: place.query, headers });
  const signature = v4Signature(credentials.secretAccessKey, region, date, canonical);
  const credential = `${credentials.accessKeyId}/${scope(region, date)}`;
  const fields = `Credential=${credential},SignedHeaders=${signedHeaderNames(headers)},Signature=${signature}`;
  return { ...own, authorization: `${ALGORITHM} ${fields}` };
}

/** A presigned URL that holds for `expiresInSeconds` from `date` on; only `host` and given headers are signed. */
export function presignV4(signing: V4Signing, date: Date, expiresInSeconds: number): string {
  const { credentials, region, place } = signing;
  const headers = { ...signing.headers, host: formatAuthority(place.endpoint) };
  const query: QueryPair[] = [
    ...place.query,
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scope(region, date)}`],
    ['X-Amz-Date', timestamp(date)],
    ['X-Amz-Expires', String(expiresInSeconds)],
    ['X-Amz-SignedHeaders', signedHeaderNames(headers)],
  ];
  if (credentials.securityToken !== undefined) query.push(['X-Amz-Security-Token', credentials.securityToken]);
  const canonical = v4CanonicalRequest({ method: signing.method, path: place.path, query, headers });
  const signature = v4Signature(credentials.secretAccessKey, region, date, canonical);
  return `${formatOrigin(place.endpoint)}${place.path}?${formatCanonicalQuery(query)}&X-Amz-Signature=${signature}`;
}

function signedHeaderNames(headers: Readonly<Record<string, string>>): string {
  return Object.keys(headers).sort().join(';');
}

/** `20130524T000000Z`. */
function timestamp(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function scope(region: string, date: Date): string {
  return `${timestamp(date).slice(0, 8)}/${region}/s3/aws4_request`;
}
