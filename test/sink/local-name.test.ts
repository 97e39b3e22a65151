import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DestinationError } from '../../src/errors.js';
import { localName } from '../../src/sink/local-name.js';

const reasonOf = (name: string, platform: NodeJS.Platform) => {
  try {
    return localName(name, platform).join('/');
  } catch (error) {
    expect(error).toBeInstanceOf(DestinationError);
    return (error as DestinationError).reason;
  }
};

describe('localName', () => {
  it.each([
    ['a/b/c.bin', 'a/b/c.bin'],
    ['a..b', 'a..b'],
    ['...', '...'],
    ['a//./b', 'a/b'],
    ['%2e%2e/a', '%2e%2e/a'],
    ['C:\\x', 'C:\\x'],
    ['nul', 'nul'],
    ['..', 'outside'],
    ['a/../b', 'outside'],
    ['a/..', 'outside'],
    ['../', 'outside'],
    ['/etc/passwd', 'outside'],
    ['a\0b', 'outside'],
    ['', 'directory'],
    ['.', 'directory'],
    ['./', 'directory'],
    ['a/', 'directory'],
    ['a/.', 'directory'],
    ['a/./', 'directory'],
    ['./a', 'a'],
    ['a.', 'a.'],
    ['a/b.', 'a/b.'],
    ['a\\b', 'a\\b'],
  ])('on Linux makes of %j %j', (name, expected) => expect(reasonOf(name, 'linux')).toBe(expected));

  it.each([
    ['a/b/c.bin', 'a/b/c.bin'],
    ['a..b', 'a..b'],
    ['console.log', 'console.log'],
    ['com10', 'com10'],
    ['..\\a', 'outside'],
    ['C:a', 'outside'],
    ['\\\\host\\share', 'outside'],
    ['file:stream', 'outside'],
    ['NUL', 'outside'],
    ['a/con.txt', 'outside'],
    ['com1 .txt', 'outside'],
    ['LPT\u00b9', 'outside'],
    ['.. /a', 'outside'],
    ['.../a', 'outside'],
    ['a. ', 'outside'],
    ['a\u0001', 'outside'],
  ])('on Windows makes of %j %j', (name, expected) => expect(reasonOf(name, 'win32')).toBe(expected));

  it('T082: two long names that differ only in what was cut stay two names, cut between two characters', () => {
    const [one = ''] = localName(`${'😀'.repeat(100)}1`);
    const [other = ''] = localName(`${'😀'.repeat(100)}2`);
    expect(Buffer.byteLength(one)).toBeLessThanOrEqual(255);
    expect(Buffer.byteLength(one)).toBeGreaterThan(250);
    expect(one).toMatch(/^(😀)+~[0-9a-f]{16}$/u);
    expect(other).not.toBe(one);
    expect(localName('x'.repeat(255))).toEqual(['x'.repeat(255)]);
  });

  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '..',
          '.',
          '/',
          '\\',
          '\0',
          ':',
          'C:',
          ' ',
          '~',
          '%2e',
          '%2f',
          'nul',
          'CON',
          '…',
          '\u2024',
          '//',
          '?',
        ),
        fc.string({ unit: 'binary', maxLength: 6 }),
        fc.string({ maxLength: 6 }),
        fc.constant('x'.repeat(300)),
      ),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join(''));

  it.each(['linux', 'win32'] as const)(
    'no object key leads out of the destination directory (fuzz, %s)',
    (platform) => {
      const { isAbsolute, relative, resolve, sep } = platform === 'win32' ? win32 : posix;
      const root = platform === 'win32' ? 'C:\\data\\root' : '/data/root';
      // Windows drops these endings, so that `.. ` is `..`.
      const faithful = (segment: string) => platform !== 'win32' || !/[. ]$/.test(segment);
      let accepted = 0;
      const property = fc.property(hostile, (name) => {
        let segments: string[];
        try {
          segments = localName(name, platform);
        } catch (error) {
          return error instanceof DestinationError;
        }
        accepted++;
        const way = relative(root, resolve(root, ...segments));
        const inside = way !== '' && !isAbsolute(way) && way.split(sep)[0] !== '..';
        const kept = way === segments.join(sep);
        return (
          inside &&
          kept &&
          !name.includes('\0') &&
          segments.every((segment) => Buffer.byteLength(segment) <= 255 && faithful(segment))
        );
      });
      fc.assert(property, { numRuns: 10_000, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: true });
      expect(accepted).toBeGreaterThan(500);
    },
  );
});
