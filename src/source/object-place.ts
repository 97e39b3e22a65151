/**
 * Where an object is on the wire, and what a signature calls it. Refuses a bucket that cannot be part of the host name
 * where the addressing puts it there.
 */

import { InvalidOptionError } from '../errors.js';
import { describeValue } from '../option-checks.js';
import type { CheckedStoreOptions } from '../source-options.js';
import { type Endpoint, isIpLiteral, parseEndpoint } from './endpoint.js';
import { encodeKey, type QueryPair } from './key-encoding.js';

export type Addressing = 'virtual' | 'path' | 'custom-domain';

export interface ObjectPlace {
  /** The host that is connected to, the bucket included where the addressing puts it there. */
  readonly endpoint: Endpoint;
  /** As on the wire, without the query. */
  readonly path: string;
  /** What the signatures obs and v2 sign: `/bucket/key`, encoded. */
  readonly resource: string;
  /** Decoded. */
  readonly query: readonly QueryPair[];
}

/** An object by its names. */
export interface ObjectAddress {
  readonly endpoint: Endpoint;
  readonly addressing: Addressing;
  readonly bucket: string;
  readonly key: string;
  readonly query: readonly QueryPair[];
}

/** `virtual`, or `path` where the host is an IP literal, which can have no subdomain. Throws InvalidOptionError. */
function chooseAddressing(endpoint: Endpoint, asked: Addressing | undefined): Addressing {
  const isIp = isIpLiteral(endpoint.host);
  if (asked === 'virtual' && isIp) {
    throw new InvalidOptionError('addressing', `'virtual' needs a host name, ${endpoint.host} takes 'path'`);
  }
  return asked ?? (isIp ? 'path' : 'virtual');
}

/** Throws InvalidOptionError. Where the bucket is no host name, stores allow more than OBS does, and so do we. */
function checkBucket(bucket: string, addressing: Addressing): void {
  if (addressing === 'virtual') {
    const isHostPart = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) && !/\.\.|-\.|\.-/.test(bucket);
    if (isHostPart && !isIpLiteral(bucket)) return;
    throw new InvalidOptionError(
      'bucket',
      `${describeValue(bucket)} is not 3 to 63 of a-z 0-9 - . that form a host name (with addressing 'path' more is allowed)`,
    );
  }
  if (bucket === '.' || bucket === '..' || /[/\p{Cc}]/u.test(bucket) || bucket.length > 255) {
    throw new InvalidOptionError('bucket', `${describeValue(bucket)} is not a bucket name`);
  }
}

/** The object that checked options name. Throws InvalidOptionError. */
export function addressObject(
  options: Pick<CheckedStoreOptions, 'endpoint' | 'addressing' | 'bucket' | 'key' | 'query' | 'versionId'>,
): ObjectAddress {
  const { bucket, key, versionId } = options;
  const endpoint = parseEndpoint(options.endpoint);
  const addressing = chooseAddressing(endpoint, options.addressing);
  checkBucket(bucket, addressing);
  const query: QueryPair[] = Object.entries(options.query);
  if (versionId !== undefined) query.push(['versionId', versionId]);
  return { endpoint, addressing, bucket, key, query };
}

export function locateObject(address: ObjectAddress): ObjectPlace {
  const { endpoint, addressing, query } = address;
  const bucket = encodeKey(address.bucket, 'bucket');
  const key = encodeKey(address.key);
  switch (addressing) {
    case 'virtual':
      return {
        endpoint: { ...endpoint, host: `${bucket}.${endpoint.host}` },
        path: `/${key}`,
        resource: `/${bucket}/${key}`,
        query,
      };
    case 'path':
      return { endpoint, path: `/${bucket}/${key}`, resource: `/${bucket}/${key}`, query };
    case 'custom-domain':
      return { endpoint, path: `/${key}`, resource: `/${endpoint.host}/${key}`, query };
  }
}
