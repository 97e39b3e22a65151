/**
 * What a download is bound to once the object is discovered: one ETag, one size. A response that does not fit is refused
 * before its first byte is used.
 */

import { ObjectChangedError, ProtocolError } from '../errors.js';
import { isStrongEtag, type ObjectInfo, type ResponseHeaders, readEtag, singleHeader } from '../object-info.js';
import type { ObjectSource } from '../source/source.js';
import type { FetchContext } from './fetch-context.js';
import type { StoreResponse } from './store-request.js';

export interface ObjectBinding {
  /** `NaN` while unknown. */
  readonly size: number;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** The stored Content-Encoding that the store echoes; undefined for none. */
  readonly contentEncoding: string | undefined;
}

export function bindObject(object: ObjectInfo): ObjectBinding {
  return {
    size: object.size,
    etag: object.etag,
    lastModified: object.headers['last-modified'],
    contentEncoding: object.headers['content-encoding'],
  };
}

/** Whether bytes of several responses may be put together: they are known to be of one version, or the caller permits it. */
export function mayJoin({ options }: Pick<FetchContext, 'options'>, binding: ObjectBinding): boolean {
  return isValidated(binding) || options.allowUnvalidated;
}

/** Whether two discoveries found one version, as far as a store tells. */
export function isSameVersion(a: ObjectBinding, b: ObjectBinding): boolean {
  const isSame = a.etag === b.etag && (a.size === b.size || Number.isNaN(a.size) || Number.isNaN(b.size));
  return isSame && (isValidated(a) || a.lastModified === b.lastModified);
}

/** Whether bytes of two responses are known to be of one version: what parallel GETs and resume need. */
export function isValidated(binding: ObjectBinding): boolean {
  return isStrongEtag(binding.etag);
}

/** The header that pins every request after discovery (RFC 9110 section 13.1.1); a weak ETag can never match it. */
export function pinningHeaders(binding: ObjectBinding): Record<string, string> {
  // Invariant: every request after discovery carries If-Match with the strong ETag that discovery found.
  return isStrongEtag(binding.etag) ? { 'if-match': binding.etag } : {};
}

/** Refuses a response of another version of the object. */
export function checkSameObject(binding: ObjectBinding, headers: ResponseHeaders, total: number | undefined): void {
  const etag = readEtag(headers);
  // Invariant: a response whose ETag is not the bound one is never used, and neither is one that hides it.
  if (etag !== binding.etag) {
    if (etag === undefined) throw new ProtocolError('the server left out the ETag that it sent before');
    throw new ObjectChangedError('the object was replaced while it was downloaded', binding.etag, etag);
  }
  if (total !== undefined && !Number.isNaN(binding.size) && total !== binding.size) {
    throw new ObjectChangedError(`the object's size changed from ${binding.size} to ${total}`, binding.etag, etag);
  }
  const lastModified = singleHeader(headers, 'last-modified');
  if (!isStrongEtag(etag) && lastModified !== binding.lastModified) {
    throw new ObjectChangedError('the object was modified while it was downloaded', binding.etag, etag);
  }
}

/** The ETag in the headers of a refusal, where it is one. */
export function refusedEtag(headers: ResponseHeaders): string | undefined {
  try {
    return readEtag(headers);
  } catch {
    return undefined;
  }
}

/** Refuses a body that is not the object's own bytes: encoded on the way, or in several ranges. */
export function checkPlainBody(
  binding: ObjectBinding | undefined,
  { headers, isElsewhere }: StoreResponse,
  source: ObjectSource,
): void {
  // What is known of the store says nothing about the place that it redirects to.
  const echoesStored = source.echoesContentEncoding === true && !isElsewhere;
  // A list like `aws-chunked,gzip`, or nothing at all, is stored as it was uploaded.
  const encoding = [headers['content-encoding'] ?? ''].flat().join(', ');
  const isEncoded = !/^(?:[\s,]|identity)*$/i.test(encoding);
  if (isEncoded && (!echoesStored || (binding !== undefined && encoding !== binding.contentEncoding))) {
    throw new ProtocolError('the server sent an encoded body although only identity was accepted');
  }
  // Invariant: the end of a body is trusted only in a framing that tells it from a cut, and nothing is decoded.
  const framing = singleHeader(headers, 'transfer-encoding');
  if (framing !== undefined && framing.trim().toLowerCase() !== 'chunked') {
    throw new ProtocolError('the server sent a Transfer-Encoding other than chunked');
  }
  if (/^multipart\/byteranges/i.test(singleHeader(headers, 'content-type') ?? '')) {
    throw new ProtocolError('the server answered one range with multipart/byteranges');
  }
}
