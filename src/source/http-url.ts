/**
 * A URL as it goes on the wire: byte for byte as it was given, so that a presigned one stays valid. Encodes only what
 * cannot be sent (spaces, non-ASCII), drops the fragment. Refuses control characters, user info, other schemes.
 */

import { domainToASCII } from 'node:url';
import { InvalidOptionError } from '../errors.js';
import { describeValue, refuse } from '../option-checks.js';
import { formatOrigin, parseAuthority } from './endpoint.js';
import { decodePercent, encodeStrictly, parseQuery } from './key-encoding.js';

export interface HttpUrl {
  /** For the wire; without a fragment. */
  readonly url: string;
  /** Scheme, host and port in normal form. */
  readonly origin: string;
  /** Without the query. */
  readonly path: string;
  /** The last segment of the path, decoded where it is well-formed. */
  readonly name: string;
  readonly queryNames: readonly string[];
}

/** Throws InvalidOptionError with the option `url`; what it says never holds a query or user info. */
export function parseHttpUrl(value: unknown): HttpUrl {
  const text = value instanceof URL ? value.href : value;
  if (typeof text !== 'string') refuse('url', value, 'an http(s) URL');
  const fail = (problem: string): never => {
    throw new InvalidOptionError('url', problem);
  };
  if (/\p{Cc}/u.test(text)) return fail('holds control characters');
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#\\]*)(\/[^?#]*)?(\?[^#]*)?(?:#.*)?$/is.exec(text);
  if (match === null) return fail('is not an absolute http(s) URL');
  const scheme = (match[1] as string).toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return fail(`the scheme ${describeValue(scheme)} is not http or https`);
  const authority = match[2] as string;
  if (authority.includes('@')) return fail('holds user info; send an authorization header by the option headers');
  const endpoint = parseAuthority(scheme, toAsciiAuthority(authority));
  if (endpoint === undefined) return fail('has no valid host and port');
  const path = encodeUnsendable(match[3] ?? '/');
  const query = encodeUnsendable(match[4] ?? '');
  const segment = path.slice(path.lastIndexOf('/') + 1);
  return Object.freeze({
    url: `${scheme}://${toAsciiAuthority(authority)}${path}${query}`,
    origin: formatOrigin(endpoint),
    path,
    name: decodePercent(segment) ?? segment,
    queryNames: (parseQuery(query.slice(1)) ?? []).map(([name]) => name),
  });
}

/** RFC 9112 section 3.2: a request line is ASCII without spaces. */
function encodeUnsendable(text: string): string {
  return text.replace(/[^\x21-\x7e]+/gu, (piece) => encodeStrictly(piece, 'url'));
}

function toAsciiAuthority(authority: string): string {
  if (/^[\x21-\x7e]*$/.test(authority)) return authority;
  const colon = /:\d*$/.exec(authority)?.[0] ?? '';
  return `${domainToASCII(authority.slice(0, authority.length - colon.length))}${colon}`;
}
