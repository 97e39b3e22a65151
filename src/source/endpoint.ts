/**
 * Scheme, host and port of a store. Refuses what has no place in one: a path, a query, user info, a host that is
 * neither a DNS name nor an IP literal.
 */

import { isIPv4, isIPv6 } from 'node:net';
import { InvalidOptionError } from '../errors.js';
import { describeValue } from '../option-checks.js';

export interface Endpoint {
  readonly scheme: 'http' | 'https';
  /** Lower case; an IPv6 literal is in brackets. */
  readonly host: string;
  /** Undefined for the scheme's own port, which is written nowhere. */
  readonly port: number | undefined;
}

const DEFAULT_PORTS = { http: 80, https: 443 };
const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** Reads the `endpoint` option; the scheme defaults to https. Throws InvalidOptionError. */
export function parseEndpoint(text: string): Endpoint {
  const fail = (problem: string): never => {
    throw new InvalidOptionError('endpoint', `${problem}; expected [https://]host[:port]`);
  };
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/?#]*)(.*)$/is.exec(text);
  const scheme = (match?.[1] ?? 'https').toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return fail(`the scheme ${describeValue(scheme)} is not http or https`);
  const authority = match?.[2] ?? '';
  // The rest is not shown: user info and queries can hold secrets.
  if (authority.includes('@')) return fail('holds user info; give credentials in the option credentials');
  if (match?.[3] !== '' && match?.[3] !== '/')
    return fail('holds a path or query; bucket and key are options of their own');
  return parseAuthority(scheme, authority) ?? fail(`${describeValue(authority)} is not a host and port`);
}

/** Reads `host[:port]`; undefined when it is not one. */
export function parseAuthority(scheme: 'http' | 'https', authority: string): Endpoint | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(authority);
  const host = match?.[1]?.toLowerCase();
  if (host === undefined) return undefined;
  const lastLabel = host.slice(host.lastIndexOf('.') + 1);
  // Invariant: a host that ends in a number is an IPv4 address in its usual form; 127.1 or 0x7f.1 is refused.
  const endsInNumber = /^(?:\d+|0x[0-9a-f]*)$/.test(lastLabel);
  if (!isIpLiteral(host) && (endsInNumber || !HOST_NAME.test(host))) return undefined;
  const port = match?.[2] === undefined ? DEFAULT_PORTS[scheme] : Number(match[2]);
  if (port < 1 || port > 65_535) return undefined;
  return Object.freeze({ scheme, host, port: port === DEFAULT_PORTS[scheme] ? undefined : port });
}

/** The value of a `Host` header, which has the port only where it is not the scheme's own (RFC 9110 section 7.2). */
export function formatAuthority(endpoint: Endpoint): string {
  return endpoint.port === undefined ? endpoint.host : `${endpoint.host}:${endpoint.port}`;
}

export function formatOrigin(endpoint: Endpoint): string {
  return `${endpoint.scheme}://${formatAuthority(endpoint)}`;
}

export function isIpLiteral(host: string): boolean {
  return isIPv4(host) || (host.startsWith('[') && host.endsWith(']') && isIPv6(host.slice(1, -1)));
}
