/**
 * The one way out for text that may hold a secret or that a stranger wrote. Messages, events and logs take URLs and
 * server text from here only. Refuses to show any query value, user info or control character.
 */

import { errorCode } from './error-code.js';
import { messageOf } from './message-of.js';

const MAX_SERVER_TEXT = 256;

/** Scheme, host and path of a URL; a query is shown as `?…`, user info never. */
export function redactUrl(url: string): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^?#]*)(\?)?/i.exec(url);
  if (match === null) return '(not a URL)';
  // A password with a `?` in it ends the host for every parser: what stands there is no port then.
  if (/^[^/]*:(?!\d*(?:\/|$))[^\]/]*(?:\/|$)/.test(match[2] ?? '')) return `${match[1]}…`;
  return sanitizeText(`${match[1]}${match[2]}${match[3] === undefined ? '' : '?…'}`, 1024);
}

/** Text that a server wrote, safe to print: one line, no control or bidi characters, at most `maxLength` characters. */
export function sanitizeText(text: string, maxLength: number = MAX_SERVER_TEXT): string {
  const oneLine = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return oneLine.length > maxLength ? `${oneLine.slice(0, maxLength - 1)}…` : oneLine;
}

/** Headers whose values are no secrets, and may be the very words of a message. */
const PLAIN_HEADERS = new Set(
  `host date range if-match if-none-match if-modified-since if-unmodified-since if-range accept accept-encoding
  accept-language user-agent cache-control pragma content-type x-obs-server-side-encryption-customer-key-md5
  x-amz-server-side-encryption-customer-key-md5 x-obs-date x-amz-date x-amz-content-sha256 x-obs-request-payer
  x-amz-request-payer`.split(/\s+/),
);
/** They stand in an Authorization header, and in what stores say about it. */
const PLAIN_WORDS = new Set(['Signature', 'Credential', 'SignedHeaders', 'Negotiate', 'AWS4-HMAC-SHA256']);
/** Names of headers, beside a signature of v4. */
const SIGNED_HEADERS = /SignedHeaders=[^,&\s]*/gi;
/** Anything shorter is no secret, and would be found where it is not meant. */
const MIN_SECRET_LENGTH = 8;
/** No request of ours has more. Redirects to URLs of a hostile server's can: then nothing of a text is shown. */
const MAX_SECRETS = 4096;

/** A request as it went on the wire; the URL may lack its origin. */
export interface RequestOnTheWire {
  readonly url: string;
  /** A source that is not ours may have anything as a value. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What of requests must not show in any text that came back: the query, its values and the values of the headers, in
 * the notations in which a server may echo them; see {@link hideSecrets}.
 */
export function requestSecrets(requests: readonly RequestOnTheWire[]): string[] {
  return toHide(requests.flatMap(secretsOf));
}

/** Parameters of a query that sign it or stand for a password. */
const SIGNING = /^[^=]*(?:sig|token|credential|access-?key|api-?key|key-?id|auth|secret|passw|policy)[^=]*=/i;

/**
 * The same for headers of a response that is used: only the query as a whole, and whole values of headers and of
 * parameters that sign. Ordinary values of a query may well be those of the object, like a version.
 */
function echoedSecrets(requests: readonly RequestOnTheWire[]): string[] {
  const secrets = requests.flatMap(({ url, headers = {} }) => {
    const query = queryOf(url);
    if (query === '' && Object.keys(headers).length === 0) return [];
    const signing = query.split('&').filter((pair) => SIGNING.test(pair));
    const own = ownValues(headers).flatMap((value) => [value, ...value.split(/[\s,;=:]+/)]);
    return [query, ...signing.map(partAfterName), ...own].flatMap(notationsOf);
  });
  return toHide(secrets);
}

/** In lower case, as {@link hideSecrets} looks for them. */
function toHide(texts: readonly string[]): string[] {
  return [...new Set(texts.filter(isSecret).map(lowerCased))];
}

/** Takes out of header values what `requests` must not show of themselves; made once for a response. */
export function echoConcealer(requests: readonly RequestOnTheWire[]): (value: string) => string {
  let secrets: string[] | undefined;
  return (value) => {
    secrets ??= echoedSecrets(requests);
    return hideSecrets(value, secrets);
  };
}

function isSecret(text: string): boolean {
  return text.length >= MIN_SECRET_LENGTH && !PLAIN_WORDS.has(text);
}

function secretsOf({ url, headers = {} }: RequestOnTheWire): string[] {
  const query = queryOf(url);
  const values = query.replace(SIGNED_HEADERS, '').split('&').map(partAfterName);
  // Of the query as a whole no runs: they would be the names, which are the very words of a store's errors.
  return [...notationsOf(query), ...[...values, ...ownValues(headers)].flatMap(formsOf)];
}

function queryOf(url: string): string {
  return url.includes('?') ? url.slice(url.indexOf('?') + 1) : '';
}

function partAfterName(pair: string): string {
  return pair.slice(pair.indexOf('=') + 1);
}

function ownValues(headers: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    PLAIN_HEADERS.has(name.toLowerCase()) || value == null ? [] : [String(value).replace(SIGNED_HEADERS, '')],
  );
}

/** What a caller's dispatcher adds for its proxy: no request of ours knows the value, so it is told by its name. */
const PROXY_CREDENTIALS = /(proxy-authorization(?:<[^<>]*>|[^\w<])*)(?:[a-z]+ +)?[^\s"'<>,;]+/gi;

/**
 * Text without the secrets in it, which {@link requestSecrets} found. To be called before the text is cut: half a secret
 * would not be found.
 */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  const open = text.replace(PROXY_CREDENTIALS, '$1…');
  if (secrets.length > MAX_SECRETS) return '…';
  // Whatever the case: percent-escapes and header values come back in either.
  const lower = lowerCased(open);
  const places: [start: number, end: number][] = [];
  for (const secret of secrets) {
    for (let at = lower.indexOf(secret); at >= 0; at = lower.indexOf(secret, at + secret.length)) {
      places.push([at, at + secret.length]);
    }
  }
  let shown = '';
  let hiddenTo = 0;
  for (const [start, end] of places.sort((a, b) => a[0] - b[0])) {
    if (start >= hiddenTo) shown += `${open.slice(hiddenTo, start)}…`;
    hiddenTo = Math.max(hiddenTo, end);
  }
  return shown + open.slice(hiddenTo);
}

/** Only A to Z, so that every character keeps its place. */
function lowerCased(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * The notations of a value, and the runs of letters and digits in it, which are left of it in any other notation (JSON,
 * HTML, quoted, or only the key of `key/date/region`).
 */
function formsOf(value: string): string[] {
  const runs = `${value} ${decoded(value)}`.split(/[^A-Za-z0-9]+/);
  return [...notationsOf(value), ...runs];
}

/** A value as it is, as a URL has it and as a form has it. */
function notationsOf(value: string): string[] {
  const plain = decoded(value);
  return [value, plain, decoded(value.replaceAll('+', ' ')), encodeURIComponent(plain)];
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/**
 * A lower-level error as it may become a `cause`: name, message, code and stack, without the properties that Node and
 * undici add (sockets, raw server bytes, request headers). Invariant: whatever was thrown, this throws nothing.
 */
export function redactCause(error: unknown, secrets: readonly string[] = []): Error {
  try {
    return readableCause(error, (text, maxLength) => sanitizeText(hideSecrets(text, secrets), maxLength));
  } catch {
    return new Error('what was thrown cannot be read');
  }
}

function readableCause(error: unknown, clean: (text: string, maxLength?: number) => string): Error {
  const safe = new Error(clean(messageOf(error)));
  if (!(error instanceof Error)) return safe;
  safe.name = clean(String(error.name), 64);
  // A host may have set Error.prepareStackTrace, and then it is anything.
  if (typeof error.stack === 'string') safe.stack = cleanStack(safe, error.stack, clean);
  const code = errorCode(error);
  return code !== undefined ? Object.assign(safe, { code }) : safe;
}

/** The frames of a stack below the safe name and message: its first lines repeat the message as it came. */
function cleanStack(safe: Error, stack: string, clean: (text: string, maxLength: number) => string): string {
  const frames = stack.split('\n').filter((line) => /^ +at /.test(line));
  return [`${safe.name}: ${safe.message}`, ...frames.map((frame) => `    ${clean(frame, 1024)}`)].join('\n');
}
