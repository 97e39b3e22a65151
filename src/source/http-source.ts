/**
 * Any URL, public or presigned, or a function that gives one. Refuses to send the caller's headers to another origin
 * than the one they were given for, and to let them replace what the pipeline sends.
 */

import { AccessDeniedError } from '../errors.js';
import { redactCause } from '../redact.js';
import { checkHttpOptions, type HttpSourceOptions, type UrlProvider } from '../source-options.js';
import type { TlsOptions } from '../tls-options.js';
import { changesTheBytes, httpChecksum } from './announced-checksum.js';
import { type HttpUrl, parseHttpUrl } from './http-url.js';
import { Renewable } from './renewable.js';
import type { ObjectSource, SourceRequest } from './source.js';

/**
 * The object behind a URL. A string goes on the wire byte for byte, so that presigned URLs stay valid. A function is
 * called once, and again when the server refuses the URL it gave; it must name the same object every time.
 *
 * @example http('https://example.com/files/film.mkv')
 * @throws InvalidOptionError
 */
export function http(url: string | URL | UrlProvider, options?: HttpSourceOptions): ObjectSource {
  const checked = checkHttpOptions(options);
  return typeof url === 'function' ? askedSource(url, checked) : fixedSource(parseHttpUrl(url), checked);
}

type CheckedHttpOptions = ReturnType<typeof checkHttpOptions>;

function fixedSource(target: HttpUrl, options: CheckedHttpOptions): ObjectSource {
  const request = buildRequest(target.url, options.headers, options.tls);
  return Object.freeze<ObjectSource>({
    identity: options.identity ?? identityOf(target),
    name: target.name,
    canRefresh: false,
    request: async () => request,
    follow: async (url) => followed(target, url, options),
    checksum: (headers) => (target.queryNames.some(changesTheBytes) ? undefined : httpChecksum(headers)),
  });
}

function askedSource(provider: UrlProvider, options: CheckedHttpOptions): ObjectSource {
  // Name and identity are those of the first URL: later ones differ in signature and mirror, not in the object.
  let first: HttpUrl | undefined;
  let latest: HttpUrl | undefined;
  const renewable = new Renewable<HttpUrl>({
    what: 'the URL provider',
    ask: async (context) => parseHttpUrl(await provider(context)),
    failure: (cause) =>
      new AccessDeniedError(
        'the URL provider failed',
        { statusCode: 401, storeCode: 'UrlProviderFailed' },
        { cause: redactCause(cause) },
      ),
  });
  const requestFor = (target: HttpUrl) => {
    first ??= target;
    latest = target;
    return buildRequest(target.url, options.headers, options.tls);
  };
  return Object.freeze<ObjectSource>({
    get identity() {
      return options.identity ?? (first === undefined ? 'http-provider' : identityOf(first));
    },
    get name() {
      return first?.name ?? 'http-provider';
    },
    canRefresh: true,
    request: (context) => renewable.lend(context, requestFor),
    prepare: async (signal) => {
      const context = { method: 'GET', headers: {}, attempt: 1, reason: 'first', clockOffsetMs: 0, signal } as const;
      await renewable.lend(context, requestFor);
    },
    follow: (url, _statusCode, context) => renewable.lend(context, (target) => followed(target, url, options)),
    checksum: (headers) => (latest?.queryNames.some(changesTheBytes) ? undefined : httpChecksum(headers)),
  });
}

// Invariant: the caller's headers go to the origin they were given for, and to no other.
function followed(target: HttpUrl, url: string, options: CheckedHttpOptions): SourceRequest | undefined {
  let next: HttpUrl;
  try {
    next = parseHttpUrl(url);
  } catch {
    return undefined;
  }
  return next.origin === target.origin ? buildRequest(next.url, options.headers, options.tls) : undefined;
}

function buildRequest(
  url: string,
  headers: Readonly<Record<string, string>>,
  tls: TlsOptions | undefined,
): SourceRequest {
  return Object.freeze({ url, headers, ...(tls === undefined ? {} : { tls }) });
}

function identityOf(target: HttpUrl): string {
  return `${target.origin}${target.path}`;
}
