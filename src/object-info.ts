/** What a response says about the object: a frozen, plain value. Refuses header values that are lists where one is meant. */

import { ProtocolError } from './errors.js';
import { parseHttpDateMs } from './http-date.js';

/** Response headers as undici gives them: lower-case names, an array where a name came more than once. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The remote object. */
export interface ObjectInfo {
  /**
   * Size of the whole object in bytes. Of a server that sends no length: `NaN` until the object's end has come, and for
   * good where the range ended before it.
   */
  readonly size: number;
  /** As the server sent it, quotes and `W/` included. */
  readonly etag?: string;
  readonly versionId?: string;
  readonly lastModified?: Date;
  readonly contentType?: string;
  readonly storageClass?: string;
  /** User metadata, names in lower case without the store's prefix. */
  readonly metadata: Record<string, string>;
  readonly requestId?: string;
  /** Of the response, names in lower case. Without cookies; what echoes a secret of the request is concealed. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A header that may come only once. */
export function singleHeader(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  if (Array.isArray(value)) throw new ProtocolError(`the server sent the header ${name} ${value.length} times`);
  return value;
}

/** Headers that the library itself relies on: they are compared as they came. */
const OWN_HEADERS =
  /^(?:etag|date|last-modified|content-(?:type|length|range|encoding)|x-goog-hash|repr-digest|.*-checksum-.*)$/;
const METADATA_PREFIXES = ['x-obs-meta-', 'x-amz-meta-'];

/**
 * Builds the ObjectInfo from the headers of a HEAD or GET response.
 *
 * @param conceal - takes out of a value what must not show
 */
export function readObjectInfo(
  headers: ResponseHeaders,
  size: number,
  conceal: (value: string) => string = (value) => value,
): ObjectInfo {
  const shown: [string, string][] = [];
  const userMetadata: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    // A secret between the server and us, which results and events are not to hand on.
    if (name === 'set-cookie') continue;
    const text = typeof value === 'string' ? value : [value ?? ''].flat().join(', ');
    const safe = OWN_HEADERS.test(name) ? text : conceal(text);
    shown.push([name, safe]);
    const prefix = METADATA_PREFIXES.find((candidate) => name.startsWith(candidate));
    if (prefix !== undefined) userMetadata.push([name.slice(prefix.length), safe]);
  }
  // fromEntries defines properties: a header named __proto__ stays a header.
  const flat = Object.fromEntries(shown);
  const lastModified =
    flat['last-modified'] === undefined ? undefined : new Date(parseHttpDateMs(flat['last-modified']));
  return Object.freeze({
    size,
    ...optional('etag', readEtag(headers)),
    ...optional('versionId', flat['x-obs-version-id'] ?? flat['x-amz-version-id']),
    ...(lastModified === undefined || Number.isNaN(lastModified.getTime()) ? {} : { lastModified }),
    ...optional('contentType', flat['content-type']),
    ...optional('storageClass', flat['x-obs-storage-class'] ?? flat['x-amz-storage-class']),
    metadata: Object.freeze(Object.fromEntries(userMetadata)),
    ...optional('requestId', flat['x-obs-request-id'] ?? flat['x-amz-request-id'] ?? flat['x-request-id']),
    headers: Object.freeze(flat),
  });
}

/** The entity tag of a response, verbatim (RFC 9110 section 8.8.3; some stores leave the quotes out). */
export function readEtag(headers: ResponseHeaders): string | undefined {
  const etag = singleHeader(headers, 'etag');
  if (etag === undefined || etag === '') return undefined;
  if (!/^(?:(?:W\/)?"[\x21\x23-\x7e]{0,512}"|[\x21\x23-\x7e]{1,512})$/.test(etag)) {
    throw new ProtocolError('the server sent a malformed ETag');
  }
  return etag;
}

/** A strong validator names one sequence of bytes (RFC 9110 section 8.8.1): what parallel GETs and resume need. */
export function isStrongEtag(etag: string | undefined): etag is string {
  // Without quotes a comma would make it a list, and an asterisk would match every version.
  return etag !== undefined && !/^W\/|^(?!").*,|^\*$/.test(etag);
}

function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: string });
}
