/**
 * Which redirects of a store are signed again: those that stay with the store (the same host, or another region of the
 * same service) and do not leave https. Refuses all others: they are followed with none of our headers, if at all.
 */

import { type Endpoint, isIpLiteral, parseAuthority } from './endpoint.js';
import { decodePercent, parseQuery, type QueryPair } from './key-encoding.js';
import { locateObject, type ObjectAddress, type ObjectPlace } from './object-place.js';

/** Where a redirect leads, and the region that its host names. */
export interface RedirectedPlace {
  readonly place: ObjectPlace;
  readonly region: string | undefined;
}

/** Undefined: not ours to sign. `url` is absolute. */
// Invariant: nothing is signed for a host that is not the store's own, nor for plain http after https.
export function redirectedPlace(address: ObjectAddress, url: string, statusCode: number): RedirectedPlace | undefined {
  // A store answers 302 with a URL that is complete as it stands: presigned, or a mirror's.
  if (statusCode === 302) return undefined;
  const match = /^(https?):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i.exec(url);
  if (match === null || !/^[\x21-\x7e]*$/.test(url)) return undefined;
  const target = parseAuthority((match[1] as string).toLowerCase() as Endpoint['scheme'], match[2] as string);
  if (target === undefined) return undefined;
  const own = address.endpoint;
  if (own.scheme === 'https' && target.scheme === 'http') return undefined;
  if (target.port !== own.port) return undefined;

  const bucketPrefix = `${address.bucket}.`;
  const isVirtual = address.addressing !== 'custom-domain' && target.host.startsWith(bucketPrefix);
  const store = isVirtual ? { ...target, host: target.host.slice(bucketPrefix.length) } : target;
  const isOwnHost = store.host === own.host;
  if (!isOwnHost && (address.addressing === 'custom-domain' || !isSameService(own.host, store.host))) return undefined;
  const region = isOwnHost ? undefined : serviceOf(store.host)?.region;

  const path = match[3] === '' ? '/' : (match[3] as string);
  if (path === '/' && match[4] === undefined) {
    return { place: locateObject({ ...address, endpoint: store }), region };
  }
  const query = parseQuery(match[4] ?? '');
  if (query === undefined || query.some(([name]) => /^(?:x-amz-)?signature$/i.test(name))) return undefined;
  const resource = isVirtual
    ? `/${address.bucket}${path}`
    : address.addressing === 'custom-domain'
      ? `/${target.host}${path}`
      : path;
  return {
    place: { endpoint: target, path, resource, query: [...leftOut(address, resource, query), ...query] },
    region,
  };
}

/** What was asked for beside the key, and a Location does not repeat. */
// Invariant: a redirect to the same object never turns one version of it into another.
function leftOut(address: ObjectAddress, resource: string, query: readonly QueryPair[]): QueryPair[] {
  if (decodePercent(resource) !== decodePercent(locateObject(address).resource)) return [];
  const repeated = new Set(query.map(([name]) => name.toLowerCase()));
  return address.query.filter(([name]) => !repeated.has(name.toLowerCase()));
}

interface Service {
  readonly name: string;
  readonly region: string | undefined;
  /** What is left of the host: the provider's own domain. */
  readonly domain: string;
}

function isSameService(own: string, target: string): boolean {
  const a = serviceOf(own);
  const b = serviceOf(target);
  return a !== undefined && b !== undefined && a.name === b.name && a.domain === b.domain;
}

/**
 * Takes `obs.cn-north-4.myhuaweicloud.com`, `s3-eu-west-1.amazonaws.com` or `s3.amazonaws.com` apart. Undefined for
 * any other host: without this form nobody can tell where a provider's own domain begins.
 */
function serviceOf(host: string): Service | undefined {
  if (isIpLiteral(host)) return undefined;
  const match = /^(obs|s3)(?:[.-]((?:[a-z]{2,}-)+[a-z]+-\d+))?\.((?:[a-z0-9-]+\.)+[a-z]{2,})$/.exec(host);
  // `obs.co.uk`: a short second level may be a registry's, under which anybody can have a domain.
  if (match === null || /^[^.]{1,3}\.[^.]+$/.test(match[3] as string)) return undefined;
  return { name: match[1] as string, region: match[2], domain: match[3] as string };
}
