import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConditionNotMetError, PartFailedError, ProtocolError, RedirectError, StoreError } from '../../src/errors.js';
import { resolveRedirect } from '../../src/fetch/redirect.js';
import { backoffDelayMs } from '../../src/fetch/retry-policy.js';
import { createStoreError, parseRetryAfterMs } from '../../src/fetch/store-error.js';
import { isStrongEtag } from '../../src/object-info.js';
import { redactUrl, requestSecrets } from '../../src/redact.js';

const refusal = (statusCode: number) => ({ statusCode, headers: {}, body: Buffer.alloc(0) });

describe('an ETag', () => {
  it.each(['"a"', '"a,b"', '"*"', 'abc', '""'])('is strong: %s', (etag) => {
    expect(isStrongEtag(etag)).toBe(true);
  });

  it.each([undefined, 'W/"a"', '*', 'a,b', ',', 'a,"b"'])('is not strong: %s', (etag) => {
    expect(isStrongEtag(etag)).toBe(false);
  });
});

describe('a 304 or 412', () => {
  it('is no condition that was not met when the request had none', () => {
    expect(createStoreError(refusal(304))).toBeInstanceOf(ProtocolError);
    expect(createStoreError(refusal(412))).toBeInstanceOf(StoreError);
    for (const statusCode of [304, 412]) {
      expect(createStoreError(refusal(statusCode))).not.toBeInstanceOf(ConditionNotMetError);
      const asked = createStoreError(refusal(statusCode), { conditions: ['ifMatch', 'ifNoneMatch'] });
      expect(asked).toBeInstanceOf(ConditionNotMetError);
    }
  });
});

describe('Retry-After', () => {
  it.each(['99999999999999999999', '9'.repeat(400)])('of any number of digits is a time to wait: %s', (value) => {
    const waitMs = parseRetryAfterMs(value);
    expect(waitMs).toBe(Number.MAX_SAFE_INTEGER);
    const error = new StoreError('slow down', { statusCode: 503 }, waitMs);
    const retry = { attempts: 3, baseDelayMs: 1, maxDelayMs: 5000 };
    expect(backoffDelayMs(error, 1, retry)).toBe(5000);
  });
});

describe('the error of a part', () => {
  it('says where it ends, if anybody knows', () => {
    const cause = new Error('cut');
    expect(new PartFailedError({ index: 0, start: 5, end: 10 }, 2, cause).message).toMatch(/^bytes 5-9 failed/);
    const unsized = new PartFailedError({ index: 0, start: 5, end: Number.POSITIVE_INFINITY }, 2, cause);
    expect(unsized.message).toMatch(/^bytes 5-the end failed/);
  });
});

describe('the error of a redirect', () => {
  const SECRET = 'sEcReTsIgNaTuRe0123456789';
  const FROM = `https://store.example/o?X-Sig=${SECRET}`;
  const secrets = requestSecrets([{ url: FROM }]);
  const refused = (location: string) => {
    try {
      resolveRedirect(FROM, location, 0, secrets);
    } catch (error) {
      expect(error).toBeInstanceOf(RedirectError);
      return inspect(error);
    }
    throw new Error('followed');
  };

  it.each([
    `ftp://h/${SECRET}`,
    `http://store.example/${SECRET}`,
    `https://127.0.0.1/${SECRET}/x`,
    `https://169.254.169.254/${SECRET}?${SECRET}`,
    `https://user:${SECRET}@h/x`,
    `https://h/ ${SECRET}`,
    `x:${SECRET}`,
  ])('never shows the secret of our query: %s', (location) => {
    expect(refused(location)).not.toContain(SECRET.slice(0, 8));
  });

  it('shows no half of it either, where its text is cut short', () => {
    for (let filler = 970; filler < 1030; filler += 1) {
      expect(refused(`https://127.0.0.1/${'x'.repeat(filler)}${SECRET}`)).not.toContain(SECRET.slice(0, 4));
    }
  });

  it.each([
    'https://user:pass?WORDWORD@h/x',
    'https://user:pass/WORDWORD@h/x',
    'https://user:WORDWORD@h/x',
    'https://user:pa#WORDWORD@h/x',
    'ftp://user:WORDWORD@h/x',
    'https://user:WORDWORD?x@h/x',
  ])('never shows a password: %s', (location) => {
    const text = redactUrl(location);
    expect(text).not.toMatch(/WORDWORD|pass|pa#/);
    expect(refused(location)).not.toMatch(/WORDWORD|pass/);
  });

  it.each([
    ['https://h:8443/a:b?c', 'https://h:8443/a:b?…'],
    ['https://[::1]:8443/a', 'https://[::1]:8443/a'],
    ['https://[::1]', 'https://[::1]'],
    ['https://h', 'https://h'],
  ])('shows host and port: %s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });
});
