/**
 * One signed request to a store. Every attempt is signed anew, with the date of the store's clock. Refuses to put
 * anything into the URL that is not signed or the caller's own.
 */

import { createHash } from 'node:crypto';
import type { Credentials, StoreSignature } from '../source-options.js';
import { wallClockMs } from '../time.js';
import type { TlsOptions } from '../tls-options.js';
import { formatOrigin } from './endpoint.js';
import { formatCanonicalQuery, formatQuery } from './key-encoding.js';
import type { ObjectPlace } from './object-place.js';
import { signObs } from './sign-obs.js';
import { signV4 } from './sign-v4.js';
import type { RequestContext, SourceRequest } from './source.js';

/** How requests to a store are made, whatever the place. */
export interface RequestStyle {
  readonly signature: StoreSignature;
  /** For v4. */
  readonly region: string;
  /** The source's own headers, lower-case; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions | undefined;
}

/** `credentials` undefined: the request is anonymous. */
export function buildSignedRequest(
  style: RequestStyle,
  place: ObjectPlace,
  credentials: Credentials | undefined,
  context: RequestContext,
): SourceRequest {
  const query = style.signature === 'v4' ? formatCanonicalQuery(place.query) : formatQuery(place.query);
  const authorization = credentials === undefined ? {} : sign(style, place, credentials, context);
  return Object.freeze({
    url: `${formatOrigin(place.endpoint)}${place.path}${query === '' ? '' : `?${query}`}`,
    headers: Object.freeze({ ...style.headers, ...authorization }),
    ...(style.tls === undefined ? {} : { tls: style.tls }),
  });
}

function sign(
  style: RequestStyle,
  place: ObjectPlace,
  credentials: Credentials,
  context: RequestContext,
): Record<string, string> {
  const date = new Date(wallClockMs() + context.clockOffsetMs);
  const headers = { ...context.headers, ...style.headers };
  const signing = { credentials, method: context.method, place, headers };
  return style.signature === 'v4'
    ? signV4({ ...signing, region: style.region }, date)
    : signObs({ ...signing, dialect: style.signature }, date);
}

/** The prefix of the store's own headers. */
export function headerPrefix(signature: StoreSignature): 'x-obs-' | 'x-amz-' {
  return signature === 'obs' ? 'x-obs-' : 'x-amz-';
}

/** The three headers of an object that is encrypted with a key of the customer's. */
export function sseCHeaders(prefix: string, key: Uint8Array): Record<string, string> {
  const name = `${prefix}server-side-encryption-customer`;
  return {
    [`${name}-algorithm`]: 'AES256',
    [`${name}-key`]: Buffer.from(key).toString('base64'),
    [`${name}-key-md5`]: createHash('md5').update(key).digest('base64'),
  };
}
