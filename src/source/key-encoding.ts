/**
 * Percent-encoding of keys and queries as OBS and S3 sign them, byte for byte: the same text goes on the wire and into
 * the signature. Refuses to normalise anything: dot segments, double slashes, quotes and plus signs are part of a key.
 */

import { InvalidOptionError } from '../errors.js';

/** One name and value of a query, decoded. */
export type QueryPair = readonly [name: string, value: string];

/** Encodes every byte of the UTF-8 form but `A-Z a-z 0-9 - _ . ~` (RFC 3986 section 2.3). */
export function encodeStrictly(text: string, option: string): string {
  let encoded: string;
  try {
    encoded = encodeURIComponent(text);
  } catch {
    throw new InvalidOptionError(option, 'holds half of a surrogate pair, which UTF-8 cannot carry');
  }
  return encoded.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Like {@link encodeStrictly}, with every `/` kept: the form of a key in the request line and in a signed resource. */
// Invariant: the key on the wire decodes to exactly the key that was asked for.
export function encodeKey(text: string, option = 'key'): string {
  return encodeStrictly(text, option).replaceAll('%2F', '/');
}

/** The inverse of both encodings; undefined for text that is not well-formed percent-encoded UTF-8. */
export function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The query as OBS and signature v2 have it on the wire: sorted by name, `/` kept, no `=` after a name without value. */
export function formatQuery(pairs: readonly QueryPair[]): string {
  return sorted(pairs.map(([name, value]): QueryPair => [encodeKey(name, 'query'), encodeKey(value, 'query')]))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
}

/** The query in the canonical form of signature v4, which is on the wire as well: `/` encoded, always a `=`. */
export function formatCanonicalQuery(pairs: readonly QueryPair[]): string {
  return sorted(
    pairs.map(([name, value]): QueryPair => [encodeStrictly(name, 'query'), encodeStrictly(value, 'query')]),
  )
    .map((pair) => pair.join('='))
    .join('&');
}

/** Reads a raw query, without its `?`; undefined when a piece is not well-formed. A plus sign stays one. */
export function parseQuery(query: string): QueryPair[] | undefined {
  const pairs: QueryPair[] = [];
  for (const piece of query.split('&')) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = decodePercent(equals < 0 ? piece : piece.slice(0, equals));
    const value = equals < 0 ? '' : decodePercent(piece.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    pairs.push([name, value]);
  }
  return pairs;
}

/** By name, then by value, in the order of the bytes. */
export function sorted(pairs: readonly QueryPair[]): QueryPair[] {
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...pairs].sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]));
}
