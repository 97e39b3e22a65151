/**
 * The options of the sources: their types, defaults and checks, in one place. What the checks return are copies, so
 * that a change of the caller's object after the call has no effect. Refuses unknown keys; never shows a secret.
 */

import { InvalidOptionError } from './errors.js';
import {
  checkBoolean,
  checkHeaderValue,
  checkKeys,
  checkOneOf,
  checkRecord,
  checkText,
  refuse,
  refuseSecret,
  whenGiven,
} from './option-checks.js';
import type { TlsOptions } from './tls-options.js';

/** Keys of a store; with a `securityToken` where they are temporary. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly securityToken?: string | undefined;
  /** A provider is asked again some minutes before this. */
  readonly expiresAt?: Date | undefined;
}

/** Gives credentials when they are needed, and fresh ones when a store refused the last (`expired`). */
export type CredentialsProvider = (context: { reason: 'first' | 'expired' }) => Credentials | Promise<Credentials>;

/** Gives the URL to fetch from, and a fresh one when the server refused the last (`expired`). */
export type UrlProvider = (context: {
  attempt: number;
  reason: 'first' | 'expired';
}) => string | URL | Promise<string | URL>;

interface StoreOptions<Signature> {
  /** `[https://]host[:port]` of the store, without the bucket. The scheme defaults to https. */
  readonly endpoint: string;
  readonly bucket: string;
  /** 1 to 1024 characters, taken byte for byte: no segment is folded, nothing is decoded. */
  readonly key: string;
  readonly versionId?: string | undefined;
  /** @default the environment, read when the source is made */
  readonly credentials?: Credentials | CredentialsProvider | 'anonymous' | undefined;
  readonly signature?: Signature | undefined;
  readonly region?: string | undefined;
  /** @default 'virtual', and 'path' where the host is an IP literal */
  readonly addressing?: 'virtual' | 'path' | 'custom-domain' | undefined;
  /** The customer's own encryption key: 32 raw bytes. It goes to the store with every request: use https. */
  readonly sseC?: { readonly key: Uint8Array } | undefined;
  /** @default false */
  readonly requesterPays?: boolean | undefined;
  /** More query parameters, decoded: response-content-type, x-image-process, ... */
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly tls?: TlsOptions | undefined;
}

/** Options of `obs()`. `signature` defaults to 'obs'; 'v4' needs a `region`. */
export interface ObsSourceOptions extends StoreOptions<'obs' | 'v2' | 'v4'> {}

/** Options of `s3()`. `signature` defaults to 'v4', `region` to 'us-east-1'. */
export interface S3SourceOptions extends StoreOptions<'v2' | 'v4'> {}

/** Options of `http()`. */
export interface HttpSourceOptions {
  /** Sent to the origin they were given for, and to no other. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Names the object in checkpoints. @default origin and path of the (first) URL, never its query */
  readonly identity?: string | undefined;
}

export type StoreSignature = 'obs' | 'v2' | 'v4';

/** Checked options of a store, everything copied. */
export interface CheckedStoreOptions extends StoreOptions<StoreSignature> {
  readonly signature: StoreSignature;
  readonly requesterPays: boolean;
  readonly query: Readonly<Record<string, string>>;
}

const STORE_KEYS = [
  'endpoint',
  'bucket',
  'key',
  'versionId',
  'credentials',
  'signature',
  'region',
  'addressing',
].concat(['sseC', 'requesterPays', 'query', 'tls']);

/** Throws InvalidOptionError. */
export function checkObsOptions(options: unknown): CheckedStoreOptions {
  const checked = checkStoreOptions(options, ['obs', 'v2', 'v4']);
  if (checked.signature === 'v4' && checked.region === undefined) {
    throw new InvalidOptionError('region', "signature 'v4' needs the region of the endpoint, for example 'cn-north-4'");
  }
  return checked;
}

/** Throws InvalidOptionError. */
export function checkS3Options(options: unknown): CheckedStoreOptions {
  const checked = checkStoreOptions(options, ['v4', 'v2']);
  return { ...checked, region: checked.region ?? 'us-east-1' };
}

/** The first of `signatures` is the default. */
function checkStoreOptions(options: unknown, signatures: readonly [StoreSignature, ...StoreSignature[]]) {
  if (options === undefined) refuse('options', options, 'an object');
  const given = checkKeys('options', options, STORE_KEYS);
  return {
    endpoint: checkText('endpoint', given.endpoint),
    bucket: checkText('bucket', given.bucket),
    key: checkKey(given.key),
    ...whenGiven('versionId', given.versionId, checkText),
    ...whenGiven('credentials', given.credentials, (_, value) =>
      value === 'anonymous' || typeof value === 'function' ? (value as CredentialsProvider) : checkCredentials(value),
    ),
    signature: given.signature === undefined ? signatures[0] : checkOneOf('signature', given.signature, signatures),
    ...whenGiven('region', given.region, checkRegion),
    ...whenGiven('addressing', given.addressing, (name, value) =>
      checkOneOf(name, value, ['virtual', 'path', 'custom-domain'] as const),
    ),
    ...whenGiven('sseC', given.sseC, checkSseC),
    requesterPays: given.requesterPays === undefined ? false : checkBoolean('requesterPays', given.requesterPays),
    query: checkQuery(given.query),
    ...whenGiven('tls', given.tls, checkTls),
  };
}

/** Throws InvalidOptionError with the option `credentials`; the message names the field, never its value. */
export function checkCredentials(value: unknown): Credentials {
  if (typeof value !== 'object' || value === null) {
    refuseSecret('credentials', value, "{ accessKeyId, secretAccessKey }, a function that gives them, or 'anonymous'");
  }
  const known = ['accessKeyId', 'secretAccessKey', 'securityToken', 'expiresAt'];
  // The AWS SDK writes `$source` into the very object that a caller shares with it.
  const unknown = Object.keys(value).find((key) => !known.includes(key) && key !== '$source');
  // A token under another name (sessionToken) must not be dropped in silence: the store would just say 403.
  if (unknown !== undefined)
    throw new InvalidOptionError('credentials', `unknown key ${unknown}; known are ${known.join(', ')}`);
  const { accessKeyId, secretAccessKey, securityToken, expiresAt } = value as Record<string, unknown>;
  const isWord = (text: unknown): text is string => typeof text === 'string' && /^[\x21-\x7e]+$/.test(text);
  if (!isWord(accessKeyId)) throw new InvalidOptionError('credentials', 'accessKeyId must be text without spaces');
  if (!isWord(secretAccessKey))
    throw new InvalidOptionError('credentials', 'secretAccessKey must be text without spaces');
  if (securityToken !== undefined && !isWord(securityToken)) {
    throw new InvalidOptionError('credentials', 'securityToken must be text without spaces');
  }
  if (expiresAt !== undefined && !(expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime()))) {
    throw new InvalidOptionError('credentials', 'expiresAt must be a valid Date');
  }
  return Object.freeze({
    accessKeyId,
    secretAccessKey,
    ...(securityToken === undefined ? {} : { securityToken }),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
  });
}

/** Throws InvalidOptionError. */
export function checkHttpOptions(options: unknown): HttpSourceOptions & { headers: Readonly<Record<string, string>> } {
  const given = checkKeys('options', options, ['headers', 'tls', 'identity']);
  return {
    headers: checkHeaders(given.headers),
    ...whenGiven('tls', given.tls, checkTls),
    ...whenGiven('identity', given.identity, checkText),
  };
}

// Those that the pipeline sends itself, and those of the connection (RFC 9110 section 7.6.1).
const RESERVED_HEADERS = new Set(
  `range if-range if-match if-none-match if-modified-since if-unmodified-since host accept-encoding connection
  content-length transfer-encoding expect upgrade keep-alive proxy-connection te trailer`.split(/\s+/),
);

function checkHeaders(value: unknown): Readonly<Record<string, string>> {
  const headers: [string, string][] = [];
  if (value === undefined) return Object.freeze({});
  for (const [given, text] of Object.entries(checkRecord('headers', value))) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(given)) refuse('headers', given, 'the names of headers');
    const name = given.toLowerCase();
    if (RESERVED_HEADERS.has(name)) throw new InvalidOptionError(`headers.${given}`, 'is set by the download itself');
    if (headers.some(([other]) => other === name)) throw new InvalidOptionError(`headers.${given}`, 'is given twice');
    headers.push([name, checkHeaderValue(`headers.${given}`, text)]);
  }
  return Object.freeze(Object.fromEntries(headers));
}

function checkKey(value: unknown): string {
  // S3 counts bytes and OBS documents characters: what is too long for a store, it says itself.
  const characters = typeof value === 'string' ? [...value].length : 0;
  if (typeof value !== 'string' || characters < 1 || characters > 1024) refuse('key', value, '1 to 1024 characters');
  return value;
}

function checkRegion(option: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[\w.-]+$/.test(value)) refuse(option, value, "a region such as 'cn-north-4'");
  return value;
}

function checkSseC(option: string, value: unknown): { key: Uint8Array } {
  const { key } = checkKeys(option, value, ['key']);
  if (!(key instanceof Uint8Array) || key.byteLength !== 32) refuseSecret(`${option}.key`, key, '32 bytes');
  return { key: Uint8Array.from(key) };
}

const RESERVED_QUERY =
  /^(?:versionid|accesskeyid|awsaccesskeyid|expires|signature|x-(?:obs|amz)-security-token|x-amz-(?:algorithm|credential|date|expires|signedheaders|signature))$/;

function checkQuery(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return Object.freeze({});
  for (const [name, text] of Object.entries(checkRecord('query', value))) {
    if (name === '') refuse('query', name, 'parameters with a name');
    if (RESERVED_QUERY.test(name.toLowerCase())) {
      throw new InvalidOptionError(`query.${name}`, 'is set from the options versionId and credentials');
    }
    if (typeof text !== 'string') refuseSecret(`query.${name}`, text, 'a string');
  }
  return Object.freeze({ ...(value as Record<string, string>) });
}

/** Throws InvalidOptionError. */
function checkTls(option: string, value: unknown): TlsOptions {
  const { ca, insecure } = checkKeys(option, value, ['ca', 'insecure']);
  return Object.freeze({
    ...whenGiven('ca', ca, (name, value) => checkPem(`${option}.${name}`, value)),
    ...whenGiven('insecure', insecure, (_, flag) => checkBoolean(`${option}.insecure`, flag)),
  });
}

function checkPem(option: string, value: unknown): string | Buffer {
  const isText = typeof value === 'string';
  const pem = isText || value instanceof Uint8Array ? Buffer.from(value as string) : undefined;
  if (!pem?.includes('-----BEGIN')) refuseSecret(option, value, 'certificates in PEM form, as text or Buffer');
  return isText ? value : pem;
}
