/**
 * The CRC of two neighbouring pieces of data from the CRCs of each, without their bytes: crc(A B) is
 * crc(A) * x^(8 * length of B) + crc(B), in the polynomials over GF(2) modulo that of the CRC.
 * Refuses to compute CRCs of bytes.
 */

import type { CrcParameters } from './crc-algorithm.js';

/** The CRC of A followed by B, where B is `lengthB` bytes long (0 to 2^53 - 1). */
export type CrcCombine = (a: bigint, b: bigint, lengthB: number) => bigint;

/**
 * A polynomial of at most 64 coefficients in two signed 32-bit halves, reflected. A 32-bit CRC lives in `low`.
 * Signed, because V8 keeps those numbers out of the heap.
 */
interface Residue {
  readonly high: number;
  readonly low: number;
}

/** Blocks of a download have one length, apart from a few at edges, so that few operators are in use at a time. */
const CACHED_OPERATORS = 8;

/** 2^53 - 1 has 14 hexadecimal digits. */
const LENGTH_DIGITS = 14;

/** Makes the combination for one CRC. */
export function createCrcCombine({ bits, polynomial }: CrcParameters): CrcCombine {
  const { high: modulusHigh, low: modulusLow } = toResidue(polynomial);
  const one = toResidue(1n << BigInt(bits - 1));

  /**
   * a * b modulo the polynomial, by Horner's rule from the coefficient of x^0, which is the highest bit.
   * Masks (all ones or all zeros) in place of branches, which a processor would guess wrong half of the time.
   */
  function multiply(a: Residue, b: Residue): Residue {
    const { high: aHigh, low: aLow } = a;
    let bHigh = b.high;
    let bLow = b.low;
    let high = 0;
    let low = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      // A shift count is taken modulo 32, so `bit` is right for both halves.
      const adds = -(((bit >= 32 ? aHigh : aLow) >>> bit) & 1);
      high ^= bHigh & adds;
      low ^= bLow & adds;
      const overflows = -(bLow & 1);
      bLow = ((bLow >>> 1) | (bHigh << 31)) ^ (modulusLow & overflows);
      bHigh = (bHigh >>> 1) ^ (modulusHigh & overflows);
    }
    return { high, low };
  }

  /** digitPowers[k][d] is x^(8 * d * 16^k): a length is taken a hexadecimal digit at a time. */
  const digitPowers: Residue[][] = [];
  for (let base = toResidue(1n << BigInt(bits - 1 - 8)); digitPowers.length < LENGTH_DIGITS; ) {
    let power = one;
    const row: Residue[] = [];
    for (let digit = 0; digit < 16; digit++) {
      row.push(power);
      power = multiply(power, base);
    }
    digitPowers.push(row);
    base = power;
  }

  const operators = new Map<number, Residue>();

  /** x^(8 * length): what appending `length` bytes does to a CRC. */
  function operatorFor(length: number): Residue {
    const known = operators.get(length);
    if (known !== undefined) return known;
    let operator = one;
    let rest = length;
    for (const row of digitPowers) {
      const power = row[rest % 16];
      if (power !== undefined && power !== one) operator = multiply(operator, power);
      rest = Math.floor(rest / 16);
    }
    for (const oldest of operators.keys()) {
      if (operators.size < CACHED_OPERATORS) break;
      operators.delete(oldest);
    }
    operators.set(length, operator);
    return operator;
  }

  return (a, b, lengthB) => {
    if (!Number.isSafeInteger(lengthB) || lengthB < 0) throw new RangeError(`${lengthB} is not a length in bytes`);
    return fromResidue(multiply(operatorFor(lengthB), toResidue(a))) ^ b;
  };
}

function toResidue(value: bigint): Residue {
  return { high: Number(BigInt.asIntN(32, value >> 32n)), low: Number(BigInt.asIntN(32, value)) };
}

function fromResidue({ high, low }: Residue): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
