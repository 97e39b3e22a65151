/**
 * What the sources of OBS and S3 have in common: an object of a bucket, requests signed afresh for every attempt.
 * Everything that is secret lives in closures here; the object that is handed out shows names only.
 */

import { createHash } from 'node:crypto';
import type { AnnouncedChecksum } from '../checksum.js';
import type { ResponseHeaders } from '../object-info.js';
import type { CheckedStoreOptions } from '../source-options.js';
import { changesTheBytes, httpChecksum } from './announced-checksum.js';
import { type CredentialVariables, openKeyring } from './credentials.js';
import type { Endpoint } from './endpoint.js';
import { encodeKey, encodeStrictly, formatCanonicalQuery, type QueryPair } from './key-encoding.js';
import { addressObject, locateObject } from './object-place.js';
import { buildSignedRequest, headerPrefix, type RequestStyle, sseCHeaders } from './signed-request.js';
import type { ObjectSource } from './source.js';
import { redirectedPlace } from './store-redirect.js';

/** What makes a kind of store. */
export interface StoreKind {
  readonly variables: CredentialVariables;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The beginning of an identity, up to the bucket. */
  identityPrefix(endpoint: Endpoint): string;
  checksum(headers: ResponseHeaders): AnnouncedChecksum | undefined;
}

export function createStoreSource(kind: StoreKind, options: CheckedStoreOptions): ObjectSource {
  const address = addressObject(options);
  const style = requestStyle(kind, options);
  const keyring = openKeyring(options.credentials, kind.variables);
  // Throws for names that cannot be encoded, before any request.
  const place = locateObject(address);
  formatCanonicalQuery(address.query);
  const isTheObject = !address.query.some(([name]) => changesTheBytes(name));
  return Object.freeze<ObjectSource>({
    identity: storeIdentity(kind.identityPrefix(address.endpoint), options),
    name: options.key,
    canRefresh: keyring.canRefresh,
    echoesContentEncoding: true,
    request: (context) =>
      keyring.lend(context, (credentials) => buildSignedRequest(style, place, credentials, context)),
    follow: async (url, statusCode, context) => {
      const target = redirectedPlace(address, url, statusCode);
      if (target === undefined) return undefined;
      const targetStyle = { ...style, region: target.region ?? style.region };
      return keyring.lend(context, (credentials) =>
        buildSignedRequest(targetStyle, target.place, credentials, context),
      );
    },
    checksum(headers, answeredBy) {
      if (!isTheObject) return undefined;
      return answeredBy === 'elsewhere' ? httpChecksum(headers) : kind.checksum(headers);
    },
  });
}

function requestStyle(kind: StoreKind, options: CheckedStoreOptions): RequestStyle {
  const prefix = headerPrefix(options.signature);
  return {
    signature: options.signature,
    region: options.region ?? '',
    headers: {
      ...kind.headers,
      ...(options.sseC === undefined ? {} : sseCHeaders(prefix, options.sseC.key)),
      ...(options.requesterPays ? { [`${prefix}request-payer`]: 'requester' } : {}),
    },
    tls: options.tls,
  };
}

/** Encoded, so that no key can look like another key with a version. */
function storeIdentity(prefix: string, options: CheckedStoreOptions): string {
  const pairs: QueryPair[] = [];
  // Parameters may be secrets, and those that only name response headers or a speed leave the bytes as they are.
  const others = Object.entries(options.query).filter(
    ([name]) => !/^(?:response-.*|attname|x-(?:obs|amz)-.*)$/i.test(name),
  );
  if (others.length > 0) {
    pairs.push(['query', createHash('sha256').update(formatCanonicalQuery(others)).digest('hex').slice(0, 16)]);
  }
  if (options.versionId !== undefined) pairs.push(['versionId', options.versionId]);
  const suffix = pairs.map(([name, value]) => `${name}=${encodeStrictly(value, name)}`).join('&');
  const object = `${encodeStrictly(options.bucket, 'bucket')}/${encodeKey(options.key)}`;
  return `${prefix}${object}${suffix === '' ? '' : `?${suffix}`}`;
}
