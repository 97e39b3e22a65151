/**
 * Redirects by our own rules (RFC 9110 section 15.4). Pure: says where to go next or refuses with a RedirectError.
 * Refuses to leave https, to follow another scheme, and to be led from a public host into a private network.
 */

import { BlockList, isIP } from 'node:net';
import { RedirectError } from '../errors.js';
import { hideSecrets, redactUrl } from '../redact.js';

/** Redirects that are followed in a row. */
export const MAX_REDIRECTS = 5;

/** A URL cut where its host ends; `target` is everything after it, byte for byte. */
export interface SplitUrl {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly origin: string;
  readonly target: string;
}

/** Splits an absolute http(s) URL without normalising anything; undefined when it is not one. A fragment is dropped. */
export function splitUrl(url: string): SplitUrl | undefined {
  // Nothing but a path, a query or the end may follow the host: no user info, nothing that another parser reads differently.
  const match = /^(https?):\/\/([^/?#\\@\s]+)((?:[/?][^#]*)?)(?:#.*)?$/is.exec(url);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const scheme = match[1].toLowerCase() as 'http' | 'https';
  const authority = match[2].toLowerCase();
  if (!URL.canParse(`${scheme}://${authority}/`)) return undefined;
  const rest = match[3] ?? '';
  return { scheme, authority, origin: `${scheme}://${authority}`, target: rest.startsWith('/') ? rest : `/${rest}` };
}

export function isRedirect(statusCode: number): boolean {
  return [301, 302, 303, 307, 308].includes(statusCode);
}

/**
 * The absolute URL that a redirect of `from` leads to.
 * @param secrets - what must not show; see {@link requestSecrets}
 * @throws RedirectError when the Location is missing, doubled, malformed, or not allowed
 */
export function resolveRedirect(
  from: string,
  location: string | string[] | undefined,
  hops: number,
  secrets: readonly string[] = [],
): string {
  // Before it is cut: half a secret would not be found.
  const shown = (url: string) => redactUrl(hideSecrets(url, secrets));
  if (typeof location !== 'string' || location === '') {
    throw new RedirectError(`the server redirects without ${location === undefined ? 'a' : 'exactly one'} Location`);
  }
  if (hops >= MAX_REDIRECTS) throw new RedirectError(`more than ${MAX_REDIRECTS} redirects in a row`);
  const origin = splitUrl(from);
  const to = absoluteLocation(origin, location);
  const target = to === undefined || /[^\x21-\x7e]/.test(to) ? undefined : splitUrl(to);
  if (origin === undefined || to === undefined || target === undefined) {
    throw new RedirectError(`the server redirects to something that is not an http(s) URL: ${shown(location)}`);
  }
  // Invariant: a redirect never leads from https to http.
  if (origin.scheme === 'https' && target.scheme === 'http') {
    throw new RedirectError(`the server redirects from https to http: ${shown(to)}`);
  }
  // Invariant: a redirect never leads into a network that is more private than the host the caller named.
  if (networkOf(target.authority) > networkOf(origin.authority) || networkOf(target.authority) === Network.linkLocal) {
    throw new RedirectError(`the server redirects into a private network: ${shown(to)}`);
  }
  return to;
}

/** Location may be relative (RFC 9110 section 10.2.2); dot segments stay as they are. */
function absoluteLocation(from: SplitUrl | undefined, location: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return location;
  if (from === undefined) return undefined;
  if (location.startsWith('//')) return `${from.scheme}:${location}`;
  if (location.startsWith('/')) return `${from.origin}${location}`;
  const path = from.target.replace(/\?.*$/s, '');
  if (location.startsWith('?')) return `${from.origin}${path}${location}`;
  return `${from.origin}${path.slice(0, path.lastIndexOf('/') + 1)}${location}`;
}

/** How private a host is; a higher number is more private. */
const Network = { public: 0, private: 1, loopback: 2, linkLocal: 3 } as const;

function blockList(...subnets: readonly [string, number, 'ipv4' | 'ipv6'][]): BlockList {
  const list = new BlockList();
  for (const [address, prefix, family] of subnets) list.addSubnet(address, prefix, family);
  return list;
}
const LINK_LOCAL = blockList(['169.254.0.0', 16, 'ipv4'], ['fe80::', 10, 'ipv6'], ['fd00:ec2::', 32, 'ipv6']);
const LOOPBACK = blockList(['127.0.0.0', 8, 'ipv4'], ['0.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6'], ['::', 128, 'ipv6']);
const PRIVATE = blockList(
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
);

function networkOf(authority: string): number {
  // WHATWG's host parser knows every spelling of an address (decimal, octal, mapped) that a resolver would take.
  const host = URL.canParse(`http://${authority}/`) ? new URL(`http://${authority}/`).hostname : authority;
  const bare = host.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (bare === 'localhost' || bare.endsWith('.localhost')) return Network.loopback;
  const version = isIP(bare);
  if (version === 0) return Network.public;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (LINK_LOCAL.check(bare, family)) return Network.linkLocal;
  if (LOOPBACK.check(bare, family)) return Network.loopback;
  return PRIVATE.check(bare, family) ? Network.private : Network.public;
}
