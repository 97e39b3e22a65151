import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hideSecrets, redactCause, redactUrl, requestSecrets, sanitizeText } from '../src/redact.js';

describe('redactUrl', () => {
  it.each([
    ['https://h.example/a/b?Signature=SECRET&Expires=1', 'https://h.example/a/b?…'],
    ['https://h.example/a/b', 'https://h.example/a/b'],
    ['https://me:SECRET@h.example:8443/a#SECRET', 'https://h.example:8443/a'],
    ['https://me:p@SECRET@h.example/a', 'https://SECRET@h.example/a'.replace('SECRET@', '')],
    ['HTTP://h.example?SECRET', 'HTTP://h.example?…'],
    ['h.example/a?SECRET', '(not a URL)'],
    ['', '(not a URL)'],
  ])('shows of %s only %s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });

  it('shows no query and no user info, whatever the URL', () => {
    const piece = fc.constantFrom('https://', '@', ':', '/', '?', '#', '&', '=', 'h.example', '\\', ' ', '\n', '%40');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.array(piece, { maxLength: 8 }), (before, after) => {
        expect(redactUrl(`https://h.example/${before.join('')}?x=S3CR3T${after.join('')}`)).not.toContain('S3CR3T');
        expect(redactUrl(`https://u:S3CR3T@h.example/${after.join('')}`)).not.toContain('S3CR3T');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('sanitizeText', () => {
  it('makes one line of it, without control, format or bidi characters (T130)', () => {
    expect(sanitizeText('a\r\n\tb\u001b[31mred\u202e\u200b\u2028z\u0000')).toBe('a b [31mred z');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const clean = sanitizeText(text);
        expect(clean).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(clean.length).toBeLessThanOrEqual(256);
      }),
    );
  });

  it('cuts after 256 characters, or as many as asked for', () => {
    expect(sanitizeText('x'.repeat(256))).toHaveLength(256);
    expect(sanitizeText('x'.repeat(257))).toBe(`${'x'.repeat(255)}…`);
    expect(sanitizeText('abcdef', 4)).toBe('abc…');
  });
});

describe('redactCause', () => {
  it('keeps name, message and code, and drops what Node and undici add', () => {
    const error = Object.assign(new TypeError('no\r\nway'), {
      code: 'ECONNRESET',
      data: 'S3CR3T raw bytes',
      socket: { headers: 'S3CR3T' },
    });
    const safe = redactCause(error);
    expect(safe).toMatchObject({ name: 'TypeError', message: 'no way', code: 'ECONNRESET' });
    expect(inspect(safe, { depth: 9 })).not.toContain('S3CR3T');
    expect(safe.cause).toBeUndefined();
  });

  it('shows the text of a server in its stack no less clean than in its message (T130)', () => {
    const safe = redactCause(new Error('bad \u001b[31mred\u001b[0m\r\nX-Injected: 1'));
    expect(inspect(safe)).not.toContain('\u001b');
    expect(safe.stack).not.toMatch(/\r|\nX-Injected/);
    expect(safe.stack).toContain('redact.test.ts');
  });

  it('takes anything that was thrown', () => {
    expect(redactCause('a\nb').message).toBe('a b');
    expect(redactCause(undefined).message).toBe('undefined');
    expect(redactCause(Object.assign(new Error('x'), { code: 42 }))).not.toHaveProperty('code');
  });
});

describe('the secrets of a request', () => {
  it.each<[what: string, echo: string, url: string, headers?: Record<string, string>]>([
    ['a cookie among others', 'SECRETSECRET', '/f', { cookie: 'sid=SECRETSECRET; lang=en' }],
    ['a quoted parameter', 'SECRETSECRET', '/f', { authorization: 'Digest response="SECRETSECRET"' }],
    ['a header whose name begins like a harmless one', 'SECRETSECRET', '/f', { 'accept-key': 'SECRETSECRET' }],
    ['a value with its escapes undone', 'SECRET/SECRET', '/f?sig=SECRET%2fSECRET'],
    ['a value with its escapes in the other case', 'SECRET%2FSECRET', '/f?sig=SECRET%2fSECRET'],
    ['a plus that a form takes for a space', 'SECRET SECRET', '/f?sig=SECRET+SECRET'],
  ])('are hidden in whatever notation they come back: %s', (_what, echo, url, headers) => {
    expect(hideSecrets(`you sent ${echo}.`, requestSecrets([{ url, headers }]))).toBe('you sent ….');
  });

  it('are hidden before a text is cut, so that no half of one is left', () => {
    const secrets = requestSecrets([{ url: `/f?sig=${'S'.repeat(40)}` }]);
    const cause = redactCause(new Error(`${'x'.repeat(240)} ${'S'.repeat(40)}`), secrets);
    expect(cause.message).not.toContain('SSS');
    expect(cause.stack).not.toContain('SSS');
  });

  it('are not the words of an Authorization header, nor short values', () => {
    const secrets = requestSecrets([
      { url: '/f?a=b', headers: { authorization: 'AWS4 Credential=AK/x, Signature=abc' } },
    ]);
    const text = 'SignatureDoesNotMatch: the Signature and the Credential a=b';
    expect(hideSecrets(text, secrets)).toBe(text);
  });
});
