import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ByteRange,
  formatRangeHeader,
  normalizeRanges,
  parseContentRange,
  parseUnsatisfiedRange,
  subtractRanges,
  totalLength,
} from '../src/byte-range.js';

const offset = fc.integer({ min: 0, max: 60 });
const range = fc.tuple(offset, offset).map(([a, b]): ByteRange => ({ start: Math.min(a, b), end: Math.max(a, b) }));
const holds = (ranges: readonly ByteRange[], byte: number) =>
  ranges.some(({ start, end }) => start <= byte && byte < end);

describe('byte ranges', () => {
  it('normalised hold the same bytes, sorted, apart from each other', () => {
    fc.assert(
      fc.property(fc.array(range), (ranges) => {
        const joined = normalizeRanges(ranges);
        for (let byte = 0; byte <= 60; byte += 1) expect(holds(joined, byte)).toBe(holds(ranges, byte));
        for (const [index, { start, end }] of joined.entries()) {
          expect(end).toBeGreaterThan(start);
          if (index > 0) expect(start).toBeGreaterThan(joined[index - 1]?.end ?? 0);
        }
      }),
    );
  });

  it('subtracted leave exactly the bytes that no removed range holds', () => {
    fc.assert(
      fc.property(range, fc.array(range), (whole, removed) => {
        const left = subtractRanges(whole, removed);
        for (let byte = 0; byte <= 60; byte += 1) {
          expect(holds(left, byte)).toBe(holds([whole], byte) && !holds(removed, byte));
        }
        expect(totalLength(left)).toBeLessThanOrEqual(whole.end - whole.start);
      }),
    );
  });
});

describe('the ranges of HTTP', () => {
  it('are inclusive on the wire only', () => {
    expect(formatRangeHeader({ start: 0, end: 1 })).toBe('bytes=0-0');
    expect(formatRangeHeader({ start: 10, end: 20 })).toBe('bytes=10-19');
    expect(parseContentRange('bytes 10-19/100')).toEqual({ start: 10, end: 20, total: 100 });
    expect(parseContentRange('Bytes 10-19/*')).toEqual({ start: 10, end: 20, total: undefined });
    expect(parseUnsatisfiedRange('bytes */0')).toBe(0);
    expect(parseUnsatisfiedRange('bytes */123')).toBe(123);
  });

  it.each([
    '',
    'bytes',
    'bytes 0-9',
    'bytes 9-0/10',
    'bytes 0-10/10',
    'bytes 0-9/9',
    'bytes -1-9/10',
    'bytes 0-9/-1',
    'bytes 0x0-9/10',
    'bytes  0-9/10',
    'bytes 0-9/10 ',
    'bytes 0-9/10, bytes 10-19/20',
    'bytes=0-9/10',
    'items 0-9/10',
    'bytes 0-9/10\n',
    'bytes */10',
    'bytes 0-9/9007199254740993',
    'bytes 9007199254740990-9007199254740993/*',
    'bytes 0-9/99999999999999999999',
    'bytes 0-1e3/10000',
  ])('are refused when they are not one well-formed safe range: %j (T143)', (value) => {
    expect(parseContentRange(value)).toBeUndefined();
  });

  it('never parse to anything but a safe range, whatever a server writes', () => {
    const token = fc.constantFrom('bytes', ' ', '-', '/', '*', '0', '9', '10', '9007199254740991', ',', '=', '\t', '١');
    fc.assert(
      fc.property(fc.array(token, { maxLength: 10 }), (tokens) => {
        const text = tokens.join('');
        const parsed = parseContentRange(text);
        if (parsed !== undefined) {
          expect(Number.isSafeInteger(parsed.start) && Number.isSafeInteger(parsed.end)).toBe(true);
          expect(parsed.start).toBeLessThan(parsed.end);
          if (parsed.total !== undefined) expect(parsed.end).toBeLessThanOrEqual(parsed.total);
        }
        const size = parseUnsatisfiedRange(text);
        expect(size === undefined || Number.isSafeInteger(size)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});
