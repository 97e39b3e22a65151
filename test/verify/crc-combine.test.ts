import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadCrc } from '../../src/verify/crc.js';
import { CRC_ALGORITHMS, type CrcAlgorithm, type CrcParameters } from '../../src/verify/crc-algorithm.js';
import { createCrcCombine } from '../../src/verify/crc-combine.js';

const algorithms = Object.keys(CRC_ALGORITHMS) as CrcAlgorithm[];
const bytes = fc.uint8Array({ maxLength: 500, size: 'max' });
const length = fc.maxSafeNat();

/** Appends one zero byte to a CRC without its complements: the definition of multiplication by x^8. */
function shiftByte({ polynomial }: CrcParameters, value: bigint): bigint {
  let shifted = value;
  for (let bit = 0; bit < 8; bit++) shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  return shifted;
}

/** The same for 2^exponent zero bytes, by squaring matrices over GF(2), a column per bit: slow, and another way. */
function shiftPowerOfTwo(parameters: CrcParameters, value: bigint, exponent: number): bigint {
  const apply = (columns: bigint[], vector: bigint): bigint =>
    columns.reduce((sum, column, bit) => ((vector >> BigInt(bit)) & 1n ? sum ^ column : sum), 0n);
  let columns = Array.from({ length: parameters.bits }, (_, bit) => shiftByte(parameters, 1n << BigInt(bit)));
  for (let squared = 0; squared < exponent; squared++) columns = columns.map((column) => apply(columns, column));
  return apply(columns, value);
}

describe.each(algorithms)('combining %s', (algorithm) => {
  const parameters = CRC_ALGORITHMS[algorithm];
  const value = fc.bigInt(0n, (1n << BigInt(parameters.bits)) - 1n);

  it('gives the CRC of the concatenation', async () => {
    const crc = await loadCrc(algorithm);
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(crc.combine(crc.of([a]), crc.of([b]), b.length)).toBe(crc.of([a, b]));
      }),
    );
  });

  it('gives the CRC of the concatenation of blocks of a mebibyte and a tail', async () => {
    const crc = await loadCrc(algorithm);
    const object = Buffer.alloc(3 * 1024 * 1024 + 12_345, 'an object that is longer than its blocks');
    let whole = 0n;
    for (let start = 0; start < object.length; start += 1024 * 1024) {
      const block = object.subarray(start, start + 1024 * 1024);
      whole = crc.combine(whole, crc.of([block]), block.length);
    }
    expect(whole).toBe(crc.of([object]));
  });

  it('with no bytes before or after changes nothing', () => {
    const combine = createCrcCombine(parameters);
    fc.assert(
      fc.property(value, length, (crc, lengthB) => {
        expect(combine(crc, 0n, 0)).toBe(crc);
        expect(combine(0n, crc, lengthB)).toBe(crc);
      }),
    );
  });

  it('is associative for any lengths up to 2^53 - 1', () => {
    const combine = createCrcCombine(parameters);
    fc.assert(
      fc.property(value, value, value, length, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, c, total, share) => {
        const lengthB = Math.floor(total * share);
        const lengthC = total - lengthB;
        expect(combine(combine(a, b, lengthB), c, lengthC)).toBe(combine(a, combine(b, c, lengthC), total));
      }),
    );
  });

  it.each([0, 1, 4, 20, 31, 32, 33, 52])(
    'agrees with repeated squaring of the zero-byte matrix for 2^%i bytes',
    (k) => {
      const combine = createCrcCombine(parameters);
      fc.assert(
        fc.property(value, value, (a, b) => {
          expect(combine(a, b, 2 ** k)).toBe(shiftPowerOfTwo(parameters, a, k) ^ b);
        }),
        { numRuns: 5 },
      );
    },
  );

  it('gives the same answer for a length that was seen long ago', () => {
    const combine = createCrcCombine(parameters);
    const lengths = Array.from({ length: 40 }, (_, i) => 1 + i * 1_000_003);
    const first = lengths.map((lengthB) => combine(123n, 456n, lengthB));
    const again = lengths.toReversed().map((lengthB) => combine(123n, 456n, lengthB));
    expect(again.toReversed()).toEqual(first);
    expect(new Set(first).size).toBe(lengths.length);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('refuses %d as a length', (lengthB) => {
    expect(() => createCrcCombine(parameters)(1n, 2n, lengthB)).toThrow(RangeError);
  });

  it('takes microseconds, also for a length that is new every time', () => {
    const combine = createCrcCombine(parameters);
    let crc = 1n;
    for (let i = 0; i < 2000; i++) crc = combine(crc, 1n, 5 * 2 ** 30 - i);
    const started = process.hrtime.bigint();
    for (let i = 2000; i < 4000; i++) crc = combine(crc, 1n, 5 * 2 ** 30 - i);
    const microseconds = Number(process.hrtime.bigint() - started) / 2000 / 1000;
    // About 4 on a slow core; the limit leaves room for a busy machine and none for work that grows with the length.
    expect(microseconds).toBeLessThan(100);
  });
});

it('crc32 combines to what zlib computes over all the bytes', () => {
  const combine = createCrcCombine(CRC_ALGORITHMS.crc32);
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 6 }), (blocks) => {
      const whole = blocks.reduce((crc, block) => combine(crc, BigInt(zlibCrc32(block)), block.length), 0n);
      expect(whole).toBe(BigInt(zlibCrc32(Buffer.concat(blocks))));
    }),
  );
});
