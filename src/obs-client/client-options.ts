/**
 * The options of the SDK's constructor, by its names. Checked at once, so that a wrong one is an error where it is
 * written. Options that make no sense here are ignored, as the SDK ignores those it does not know; refuses only those
 * that would silently change whose keys or which network is used.
 */

import type { Dispatcher } from 'undici';
import type { RetryOptions, TimeoutOptions } from '../download-options.js';
import { isDownloadError } from '../errors.js';
import { describeValue } from '../option-checks.js';
import { checkOptions } from '../options.js';
import { formatOrigin, isIpLiteral, parseEndpoint } from '../source/endpoint.js';
import { invalidArgument } from './obs-client-error.js';
import { isGiven, readInteger } from './read-value.js';

type Optional<T> = T | null | undefined;

/** Options of {@link ObsClient}. Numbers may be numeric strings. Other options of the SDK are accepted, without effect. */
export interface ObsClientOptions {
  /** Without it, or without the secret, requests are anonymous. */
  readonly access_key_id?: Optional<string>;
  readonly secret_access_key?: Optional<string>;
  readonly security_token?: Optional<string>;
  /** `[https://]host[:port]` of the endpoint, without the bucket. */
  readonly server: string;
  /** Where `server` names no scheme. @default true */
  readonly is_secure?: Optional<boolean>;
  /** Where `server` names none. @default 443, or 80 for http */
  readonly port?: Optional<number | string>;
  /** @default false, and true where the host is an IP literal */
  readonly path_style?: Optional<boolean>;
  /** `server` is a custom domain of the bucket. @default false */
  readonly is_cname?: Optional<boolean>;
  /** 'v4' needs a `region`. @default 'obs', and 'v2' for path style and custom domains */
  readonly signature?: Optional<string>;
  readonly region?: Optional<string>;
  /** `false` accepts any certificate; a string is the path of a PEM file of authorities. Not with a `dispatcher`. @default true */
  readonly ssl_verify?: Optional<boolean | string>;
  /** Seconds without a byte, before the headers or in the body. @default 15 before the headers, 20 in the body */
  readonly timeout?: Optional<number | string>;
  /** Requests in a row that may fail without a new byte, after the first. @default 5 */
  readonly max_retry_count?: Optional<number | string>;
  /** Instead of `http_agent` and `https_agent`: an undici Dispatcher, such as a ProxyAgent. */
  readonly dispatcher?: Optional<Dispatcher>;
  readonly [other: string]: unknown;
}

/** What the options come to. No secret is in here. */
export interface ClientSettings {
  readonly endpoint: string;
  readonly addressing: 'virtual' | 'path' | 'custom-domain';
  /** The host that stands for the bucket, whatever that is called; only with 'custom-domain'. */
  readonly domain: string | undefined;
  readonly signature: 'obs' | 'v2' | 'v4';
  readonly region: string | undefined;
  /** `true`: verified; a string: against the authorities in this file. */
  readonly verifyCertificates: boolean | string;
  readonly transfer: {
    readonly retry?: RetryOptions;
    readonly timeouts?: TimeoutOptions;
    readonly dispatcher?: Dispatcher;
  };
}

/** @throws ObsClientError `InvalidArgument` */
export function readClientOptions(given: ObsClientOptions): ClientSettings {
  if (given.is_shadow_client) throw invalidArgument('is_shadow_client is not supported; pass temporary keys instead');
  const endpoint = readServer(given);
  const addressing = given.is_cname
    ? 'custom-domain'
    : given.path_style || isIpLiteral(endpoint.host)
      ? 'path'
      : 'virtual';
  const signature = readSignature(given.signature, addressing === 'virtual' ? 'obs' : 'v2');
  const region = isGiven(given.region) ? String(given.region).trim() : undefined;
  if (signature === 'v4' && region === undefined) throw invalidArgument("signature 'v4' needs the option region");
  const verify = isGiven(given.ssl_verify) ? given.ssl_verify : true;
  const verifyCertificates = typeof verify === 'string' ? verify : Boolean(verify);
  if (given.dispatcher && verifyCertificates !== true) {
    throw invalidArgument('ssl_verify has no effect beside dispatcher: give the same settings to the dispatcher');
  }
  return {
    endpoint: formatOrigin(endpoint),
    addressing,
    domain: addressing === 'custom-domain' ? endpoint.host : undefined,
    signature,
    region,
    verifyCertificates,
    transfer: readTransfer(given),
  };
}

function readServer(given: ObsClientOptions): ReturnType<typeof parseEndpoint> {
  if (!given.server) throw invalidArgument('Server is not set');
  const text = String(given.server).trim();
  const match = /^(https?):\/\//i.exec(text);
  const isSecure = match === null ? (given.is_secure ?? true) : match[1]?.toLowerCase() === 'https';
  // The SDK leaves out whatever follows the host.
  const authority = text.slice(match?.[0].length ?? 0).replace(/\/.*$/s, '');
  const port = isGiven(given.port) && !/:\d+$/.test(authority) ? `:${readInteger('port', given.port, 1, 65_535)}` : '';
  return checked(() => parseEndpoint(`${isSecure ? 'https' : 'http'}://${authority}${port}`), 'server');
}

function readSignature(given: unknown, own: 'obs' | 'v2'): ClientSettings['signature'] {
  const signature = isGiven(given) ? String(given).trim().toLowerCase() : 'obs';
  switch (signature) {
    case 'obs':
      return own;
    case 'v2':
    case 'v4':
      return signature;
    default:
      throw invalidArgument(`signature must be 'obs', 'v2' or 'v4', got ${describeValue(given)}`);
  }
}

function readTransfer(given: ObsClientOptions): ClientSettings['transfer'] {
  const dispatcher = given.dispatcher ?? undefined;
  if (dispatcher === undefined && [given.http_agent, given.https_agent].some(isProxyAgent)) {
    // Going around a proxy in silence could leak, or just hang.
    throw invalidArgument(
      'http_agent and https_agent are not used; pass an undici ProxyAgent as the option dispatcher',
    );
  }
  const retries = isGiven(given.max_retry_count) ? readInteger('max_retry_count', given.max_retry_count, 0, 999) : null;
  const seconds = isGiven(given.timeout) ? readInteger('timeout', given.timeout, 1, 2_000_000) : null;
  const transfer = {
    ...(retries !== null && { retry: { attempts: retries + 1 } }),
    ...(seconds !== null && {
      timeouts: { connectMs: Math.min(seconds, 10) * 1000, headersMs: seconds * 1000, stallMs: seconds * 1000 },
    }),
    ...(dispatcher !== undefined && { dispatcher }),
  };
  checked(() => checkOptions('block', transfer), 'dispatcher');
  return transfer;
}

/** By its class or what it was made with: an agent of any package, or Node's own with `proxyEnv`. */
function isProxyAgent(agent: unknown): boolean {
  if (typeof agent !== 'object' || agent === null) return false;
  const names = [
    agent.constructor?.name ?? '',
    ...givenKeys(agent),
    ...givenKeys((agent as { options?: unknown }).options),
  ];
  return names.some((name) => /proxy|tunnel|socks/i.test(name));
}

/** Node's global agent has a `proxyEnv`, undefined unless it is told to use one. */
function givenKeys(value: unknown): string[] {
  return Object.entries(value ?? {}).flatMap(([name, inner]) => (inner ? [name] : []));
}

/** The library's checks, under the SDK's name of the option. */
function checked<T>(check: () => T, option: string): T {
  try {
    return check();
  } catch (error) {
    if (!isDownloadError(error)) throw error;
    throw invalidArgument(`${option}: ${error.message.replace(/^\w+: /, '')}`, error);
  }
}
