import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseContentRange, parseUnsatisfiedRange } from '../../src/byte-range.js';
import { isDownloadError, ProtocolError, RedirectError } from '../../src/errors.js';
import { checkContentRange, parseContentLength } from '../../src/fetch/range-request.js';
import { resolveRedirect } from '../../src/fetch/redirect.js';
import { createStoreError, parseRetryAfterMs } from '../../src/fetch/store-error.js';
import { readEtag, readObjectInfo } from '../../src/object-info.js';
import { fraction, fuzz } from './fuzz.js';

const WHOLE = 40_000;
const SHORT = 1500;

const number = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom(
    '0',
    '-1',
    '00',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    ' 5',
    '9007199254740992',
    '9'.repeat(16),
    '9'.repeat(20),
    '',
  ),
);
const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '\r\nSet-Cookie: a=b',
    '\u0000',
    '\u202e',
    '\ud800',
    '\u001b[31m',
    '\u2028',
    'x'.repeat(70_000),
    '"'.repeat(999),
  ),
);
/** Mostly right, wrong in one place. */
const spoilt = (right: fc.Arbitrary<string>) => fc.oneof(right, junk, fc.tuple(right, junk, fraction).map(spoil));
function spoil([right, wrong, at]: [string, string, number]): string {
  const index = Math.floor(at * right.length);
  return right.slice(0, index) + wrong + right.slice(index + (wrong.length % 3));
}
const orTwice = (value: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 9, arbitrary: value as fc.Arbitrary<string | string[]> },
    { weight: 1, arbitrary: fc.array(value) },
  );

/** What it gives, or undefined when it refused with an error of ours. */
function orRefused<T>(run: () => T, kind: typeof ProtocolError | typeof RedirectError): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    expectPrintable(error.message);
    return undefined;
  }
}

function expectPrintable(text: string): void {
  if (text.length > 2200 || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(text))
    throw new Error(`not fit to print: ${JSON.stringify(text)}`);
}

const timeout = 600_000;

it('Content-Range: only ranges of whole numbers within the size come out', { timeout }, () => {
  const right = fc
    .tuple(number, number, fc.oneof(number, fc.constant('*')))
    .map(([a, b, size]) => `bytes ${a}-${b}/${size}`);
  fuzz({
    name: 'Content-Range',
    short: SHORT,
    whole: WHOLE,
    inputs: fc.tuple(orTwice(spoilt(right)), orTwice(spoilt(number))),
    check([value, length]) {
      const headers = { 'content-range': value, 'content-length': length };
      const asked = { start: 0, end: 100 };
      const sent = orRefused(() => checkContentRange(headers, asked), ProtocolError);
      if (sent !== undefined) expect(sent.start === 0 && sent.end > 0 && sent.end <= 100).toBe(true);
      if (typeof value !== 'string') return;
      const range = parseContentRange(value);
      if (range !== undefined) {
        const { start, end, total } = range;
        expect([start, end, total ?? 0].every(Number.isSafeInteger) && start < end && end <= (total ?? end)).toBe(true);
      }
      const size = parseUnsatisfiedRange(value);
      expect(size === undefined || Number.isSafeInteger(size)).toBe(true);
    },
  });
});

it('Content-Length: a whole number, nothing, or a refusal', { timeout }, () => {
  fuzz({
    name: 'Content-Length',
    short: SHORT,
    whole: WHOLE,
    inputs: orTwice(spoilt(number)),
    check(value) {
      const length = orRefused(() => parseContentLength({ 'content-length': value }), ProtocolError);
      expect(length === undefined || (Number.isSafeInteger(length) && length >= 0)).toBe(true);
    },
  });
});

it('ETag and the other words of an object: what comes out can go into a header again (T125, T128)', { timeout }, () => {
  const right = fc
    .tuple(fc.constantFrom('', 'W/', 'w/'), fc.string({ maxLength: 40 }))
    .map(([weak, tag]) => `${weak}"${tag}"`);
  fuzz({
    name: 'ETag',
    short: SHORT,
    whole: WHOLE,
    inputs: fc.tuple(
      orTwice(spoilt(right)),
      orTwice(junk),
      fc.dictionary(fc.constantFrom('__proto__', 'x-obs-meta-a', 'x-amz-meta-__proto__', 'last-modified'), junk),
    ),
    check([etag, type, others]) {
      const headers = { ...others, etag, 'content-type': type };
      const read = orRefused(() => readEtag(headers), ProtocolError);
      if (read !== undefined) expect(read).toMatch(/^[\x21-\x7e]{1,516}$/);
      const info = orRefused(() => readObjectInfo(headers, 5), ProtocolError);
      expect(info === undefined || info.etag === read).toBe(true);
      expect(Object.getPrototypeOf(info?.metadata ?? {})).toBe(Object.prototype);
    },
  });
});

it('Retry-After: milliseconds that are not negative, or nothing (T038)', { timeout }, () => {
  const date = fc.date({ noInvalidDate: true }).map((value) => value.toUTCString());
  fuzz({
    name: 'Retry-After',
    short: SHORT,
    whole: WHOLE,
    inputs: spoilt(fc.oneof(number, date)),
    check(value) {
      const delayMs = parseRetryAfterMs(value);
      expect(delayMs === undefined || (delayMs >= 0 && Number.isFinite(delayMs))).toBe(true);
      const error = createStoreError({ statusCode: 503, headers: { 'retry-after': value }, body: new Uint8Array() });
      expectPrintable(error.message);
      expect(isDownloadError(error)).toBe(true);
    },
  });
});

it('Location: no redirect leaves https, comes closer to home, or breaks out of the request line (T120, T121)', {
  timeout,
}, () => {
  const host = fc.constantFrom(
    'example.com',
    '127.0.0.1',
    'localhost',
    '169.254.169.254',
    '[::1]',
    '2130706433',
    '0x7f.1',
    'a@b',
    'example.com:80@127.0.0.1',
    '[::ffff:127.0.0.1]',
    'example.com\\@127.0.0.1',
    '①②⑦.0.0.1',
    '127.0.0.1.',
  );
  const scheme = fc.constantFrom(
    'http://',
    'https://',
    'HTTPS://',
    'file://',
    'ftp://',
    '//',
    '',
    'javascript:',
    'http:/',
    'https:',
  );
  const path = fc.constantFrom('/a', '/../b', '?q=1', '', '/a b', '/%0d%0a', '#x', '\\x');
  const right = fc.tuple(scheme, host, path).map((words) => words.join(''));
  fuzz({
    name: 'Location',
    short: SHORT,
    whole: WHOLE,
    inputs: fc.tuple(orTwice(spoilt(right)), fc.nat(6)),
    check([location, hops]) {
      const to = orRefused(
        () => resolveRedirect('https://store.example.com/bucket/key?sig=secret', location, hops),
        RedirectError,
      );
      if (to === undefined) return;
      expect(to).toMatch(/^https:\/\/[\x21-\x7e]+$/i);
      // What a browser would make of it has to be a public host, too.
      const { hostname, username } = new URL(to);
      expect(username).toBe('');
      const isAddress = isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
      if (isAddress) expect(hostname).not.toMatch(/^(127\.|169\.254\.|10\.|192\.168\.|0\.|\[::1\]$|\[::ffff:|\[fe80)/);
      expect(hostname).not.toMatch(/^localhost\.?$/);
    },
  });
});
