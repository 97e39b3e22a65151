/**
 * The signatures `obs` and `v2` (AWS signature 2 as OBS speaks it): one algorithm, two sets of names. Pure functions
 * of their arguments, the date included. Refuses to keep or print a key.
 */

import { createHmac } from 'node:crypto';
import type { Credentials } from '../source-options.js';
import { formatOrigin } from './endpoint.js';
import { encodeKey, formatQuery, type QueryPair, sorted } from './key-encoding.js';
import type { ObjectPlace } from './object-place.js';
import { isSubResource } from './sub-resources.js';

export type ObsDialect = 'obs' | 'v2';

const DIALECTS = {
  obs: { prefix: 'x-obs-', scheme: 'OBS', accessKeyParameter: 'AccessKeyId' },
  v2: { prefix: 'x-amz-', scheme: 'AWS', accessKeyParameter: 'AWSAccessKeyId' },
} as const;

/** What is signed; header names in lower case. */
export interface ObsSignable {
  readonly dialect: ObsDialect;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: string;
  readonly query: readonly QueryPair[];
  /** The `Date` header, or the expiry of a temporary URL in seconds since the epoch. */
  readonly date: string;
}

/** The text that is signed: four lines, the headers of the dialect, the resource with its sub-resources. */
export function obsStringToSign(signable: ObsSignable): string {
  const { headers } = signable;
  const { prefix } = DIALECTS[signable.dialect];
  const canonicalHeaders = sorted(Object.entries(headers).filter(([name]) => name.startsWith(prefix)))
    .map(([name, value]) => `${name}:${value.trim()}\n`)
    .join('');
  const subResources = sorted(signable.query.filter(([name]) => isSubResource(name, prefix)))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
  // The dialect's own date header takes the place of the line, which is then empty.
  const date = headers[`${prefix}date`] === undefined ? signable.date : '';
  const lines = [signable.method, headers['content-md5'] ?? '', headers['content-type'] ?? '', date].join('\n');
  return `${lines}\n${canonicalHeaders}${signable.resource}${subResources === '' ? '' : `?${subResources}`}`;
}

/** base64(HMAC-SHA1(secret, text)). */
export function obsSignature(secretAccessKey: string, stringToSign: string): string {
  return createHmac('sha1', secretAccessKey).update(stringToSign, 'utf8').digest('base64');
}

/** What both forms of a signature need. */
export interface ObsSigning {
  readonly dialect: ObsDialect;
  readonly credentials: Credentials;
  readonly method: string;
  readonly place: ObjectPlace;
  readonly headers: Readonly<Record<string, string>>;
}

/** The headers that sign a request: `date`, `authorization` and, with temporary credentials, the token. */
export function signObs(signing: ObsSigning, date: Date): Record<string, string> {
  const { dialect, credentials, place } = signing;
  const { prefix, scheme } = DIALECTS[dialect];
  const token: Record<string, string> =
    credentials.securityToken === undefined ? {} : { [`${prefix}security-token`]: credentials.securityToken };
  const stringToSign = obsStringToSign({
    dialect,
    method: signing.method,
    headers: { ...signing.headers, ...token },
    resource: place.resource,
    query: place.query,
    date: date.toUTCString(),
  });
  const signature = obsSignature(credentials.secretAccessKey, stringToSign);
  return {
    date: date.toUTCString(),
    ...token,
    authorization: `${scheme} ${credentials.accessKeyId}:${signature}`,
  };
}

/** A temporary URL. Headers that were signed must be sent with it. */
export function presignObs(signing: ObsSigning, expiresAt: Date): string {
  const { dialect, credentials, place } = signing;
  const { prefix, accessKeyParameter } = DIALECTS[dialect];
  const expires = String(Math.floor(expiresAt.getTime() / 1000));
  const query: QueryPair[] = [...place.query];
  if (credentials.securityToken !== undefined) query.push([`${prefix}security-token`, credentials.securityToken]);
  const stringToSign = obsStringToSign({
    dialect,
    method: signing.method,
    headers: signing.headers,
    resource: place.resource,
    query,
    date: expires,
  });
  query.push([accessKeyParameter, credentials.accessKeyId], ['Expires', expires]);
  const signature = encodeKey(obsSignature(credentials.secretAccessKey, stringToSign));
  return `${formatOrigin(place.endpoint)}${place.path}?${formatQuery(query)}&Signature=${signature}`;
}
