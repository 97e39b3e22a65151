/**
 * The results of the SDK, built from response headers: the same keys, the same values, the same gaps. Refuses to know
 * how the headers were got.
 */

import type { ResponseHeaders } from '../object-info.js';

/** What every result says about its request. */
export interface CommonMsg {
  /** HTTP status. */
  Status: number;
  /** The store's error code; empty after a success. */
  Code: string;
  Message: string;
  HostId: string;
  RequestId: string | undefined;
  Id2: string | undefined;
  InterfaceResult: null;
  QosDelayTime: string;
  /** After a failure only. */
  Indicator?: string | undefined;
}

/**
 * The object, by the SDK's names; every value is text as the store sent it. `Date`, `Reserved`, `RequestId`, `Id2` and
 * `Metadata` are always there. With the `obs` signature some come twice, as `…Obs` or `…V2`.
 */
export interface InterfaceResult {
  RequestId: string | undefined;
  Id2: string | undefined;
  Date: string | undefined;
  Reserved: string | undefined;
  /** Names in lower case, without their prefix. */
  Metadata: Record<string, string>;
  LastModified?: string;
  /** With its quotes. */
  ETag?: string;
  ContentLength?: string | undefined;
  ContentType?: string;
  VersionId?: string;
  StorageClass?: string;
  [name: string]: string | Record<string, string> | undefined;
}

/** What a callback gets as `result`, and what a promise resolves with. */
export interface ObsResult {
  CommonMsg: CommonMsg;
  InterfaceResult: InterfaceResult;
}

/** A result without an object: `getObjectMetadata` answers so when the store refused. */
export interface ObsRefusal {
  CommonMsg: CommonMsg;
  InterfaceResult?: never;
}

/** The prefix of the store's own headers, which the signature decides. */
export type HeaderPrefix = 'x-obs-' | 'x-amz-';

type NamedHeader = readonly [name: string, header: string];

const PLAIN: readonly NamedHeader[] = [
  ['LastModified', 'last-modified'],
  ['ContentLength', 'content-length'],
  ['ContentType', 'content-type'],
  ['CacheControl', 'cache-control'],
  ['ContentDisposition', 'content-disposition'],
  ['ContentLanguage', 'content-language'],
  ['ContentEncoding', 'content-encoding'],
  ['Expires', 'expires'],
  ['ETag', 'etag'],
  ['AllowOrigin', 'access-control-allow-origin'],
  ['MaxAgeSeconds', 'access-control-max-age'],
  ['ExposeHeader', 'access-control-expose-headers'],
  ['AllowMethod', 'access-control-allow-methods'],
  ['AllowHeader', 'access-control-allow-headers'],
];

/** Behind either prefix. */
const PREFIXED: readonly NamedHeader[] = [
  ['Expiration', 'expiration'],
  ['TaggingCount', 'tagging-count'],
  ['VersionId', 'version-id'],
  ['WebsiteRedirectLocation', 'website-redirect-location'],
  ['StorageClass', 'storage-class'],
  ['Restore', 'restore'],
  ['SseKms', 'server-side-encryption'],
  ['SseKmsProjectId', 'sse-kms-key-project-id'],
  ['SseC', 'server-side-encryption-customer-algorithm'],
  ['SseCKeyMd5', 'server-side-encryption-customer-key-md5'],
];

const OBS_ONLY: readonly NamedHeader[] = [
  ['SseKmsKey', 'server-side-encryption-kms-key-id'],
  ['ObjectType', 'object-type'],
  ['NextPosition', 'next-append-position'],
  ['ObjectLockMode', 'object-lock-mode'],
  ['ObjectLockRetainUntilDate', 'object-lock-retain-until-date'],
  ['ObjectLockLegalHold', 'object-lock-legal-hold'],
];

const NOT_TWICE = new Set(['TaggingCount', 'SseKmsKey', 'SseKmsProjectId']);

const V2_ONLY: readonly NamedHeader[] = [
  ['SseKmsKey', 'x-amz-server-side-encryption-aws-kms-key-id'],
  ['ObjectType', 'x-obs-object-type'],
  ['NextPosition', 'x-obs-next-append-position'],
];

/** The result of a request that succeeded. */
export function obsResult(headers: ResponseHeaders, prefix: HeaderPrefix): ObsResult {
  const flat = inDialect(flatten(headers), prefix);
  const result: InterfaceResult = {
    ContentLength: flat['content-length'],
    Date: flat.date,
    Reserved: flat['x-reserved'],
    RequestId: flat[`${prefix}request-id`],
    Id2: flat[`${prefix}id-2`],
    Metadata: metadata(flat, `${prefix}meta-`),
  };
  if (prefix === 'x-obs-') {
    result.MetadataObs = metadata(flat, 'x-obs-meta-');
    result.MetadataV2 = metadata(flat, 'x-amz-meta-');
  }
  for (const [name, header] of namedHeaders(prefix)) {
    const value = flat[header];
    if (value !== undefined) result[name] = value;
  }
  return { CommonMsg: commonMsg(200, flat, prefix), InterfaceResult: result };
}

/** The result of a request that the store refused. */
export function obsRefusal(status: number, headers: ResponseHeaders, prefix: HeaderPrefix): ObsRefusal {
  const flat = inDialect(flatten(headers), prefix);
  return { CommonMsg: { ...commonMsg(status, flat, prefix), Indicator: flat['x-reserved-indicator'] } };
}

type FlatHeaders = Readonly<Record<string, string>>;

function commonMsg(status: number, headers: FlatHeaders, prefix: HeaderPrefix): CommonMsg {
  return {
    Status: status,
    Code: headers[`${prefix}error-code`] ?? '',
    Message: headers[`${prefix}error-message`] ?? '',
    HostId: '',
    RequestId: headers[`${prefix}request-id`],
    Id2: headers[`${prefix}id-2`],
    InterfaceResult: null,
    QosDelayTime: headers[`${prefix}qos-delay-time`] ?? '',
  };
}

/** A store that answers in the other dialect only is understood all the same. */
function inDialect(headers: FlatHeaders, prefix: HeaderPrefix): FlatHeaders {
  const names = Object.keys(headers);
  const other: HeaderPrefix = prefix === 'x-obs-' ? 'x-amz-' : 'x-obs-';
  if (names.some((name) => name.startsWith(prefix))) return headers;
  const spoken = names.filter((name) => name.startsWith(other));
  const translated = spoken.map((name) => [prefix + name.slice(other.length), headers[name] ?? '']);
  return { ...headers, ...Object.fromEntries(translated) };
}

function namedHeaders(prefix: HeaderPrefix): NamedHeader[] {
  if (prefix === 'x-amz-') return [...PLAIN, ...behind('x-amz-', PREFIXED), ...V2_ONLY];
  const own = [...PREFIXED, ...OBS_ONLY];
  const twice = own.filter(([name]) => !NOT_TWICE.has(name));
  return [...PLAIN, ...behind('x-obs-', own), ...behind('x-obs-', twice, 'Obs'), ...behind('x-amz-', twice, 'V2')];
}

function behind(prefix: string, headers: readonly NamedHeader[], suffix = ''): NamedHeader[] {
  return headers.map(([name, header]) => [`${name}${suffix}`, `${prefix}${header}`]);
}

function metadata(headers: FlatHeaders, prefix: string): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

function flatten(headers: ResponseHeaders): FlatHeaders {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
