/**
 * The notations of a checksum: hex, padded base64, and for crc64ecma the unsigned decimal that OBS announces.
 * Refuses anything that is not exactly as long as the algorithm's value, such as S3's checksum of checksums (`…-3`).
 *
 * The length tells hex from base64 for every algorithm. Only a crc64ecma of 16 digits without a leading zero is both
 * hex and decimal (1 value in 2,000); then both readings stand, decimal first because it is what the store writes.
 * A leading zero means hex: nobody pads the decimal.
 */

import { type AnnouncedChecksum, CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from './checksum.js';
import { checkKeys, checkOneOf, checkText, refuse } from './option-checks.js';

const VALUE_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc64ecma: 8,
  crc64nvme: 8,
  crc32c: 4,
  crc32: 4,
  md5: 16,
  sha256: 32,
  sha1: 20,
};

/** A way to write a checksum; `read` gives lower-case hex, or undefined for what is not written that way. */
interface Notation {
  read(announced: AnnouncedChecksum): string | undefined;
  write(hex: string): string;
}

const decimal: Notation = {
  read({ algorithm, value }) {
    if (algorithm !== 'crc64ecma' || !/^(0|[1-9]\d{0,19})$/.test(value)) return undefined;
    const hex = BigInt(value).toString(16).padStart(16, '0');
    return hex.length === 16 ? hex : undefined;
  },
  write: (hex) => BigInt(`0x${hex}`).toString(),
};

const hexadecimal: Notation = {
  read({ algorithm, value }) {
    return /^[\da-f]+$/i.test(value) && value.length === 2 * VALUE_BYTES[algorithm] ? value.toLowerCase() : undefined;
  },
  write: (hex) => hex,
};

const base64: Notation = {
  read({ algorithm, value }) {
    const bytes = Buffer.from(value, 'base64');
    // Node skips what is not base64; only the canonical writing survives the way back.
    return bytes.length === VALUE_BYTES[algorithm] && bytes.toString('base64') === value
      ? bytes.toString('hex')
      : undefined;
  },
  write: (hex) => Buffer.from(hex, 'hex').toString('base64'),
};

/** In the order of preference. */
const NOTATIONS: readonly Notation[] = [decimal, hexadecimal, base64];

/** The value in lower-case hex, by the first notation that reads it; undefined when none does. */
export function normalizeChecksum(announced: AnnouncedChecksum): string | undefined {
  return NOTATIONS.map((notation) => notation.read(announced)).find((hex) => hex !== undefined);
}

/** Whether the announced value, in any notation that reads it, is `actualHex` (lower-case hex, zero padded). */
export function checksumsMatch(announced: AnnouncedChecksum, actualHex: string): boolean {
  return NOTATIONS.some((notation) => notation.read(announced) === actualHex);
}

/** Writes `actualHex` as the announced value is written, so that a reader can compare the two. */
export function writeLike(announced: AnnouncedChecksum, actualHex: string): string {
  const notation = NOTATIONS.find(({ read }) => read(announced) !== undefined);
  return notation === undefined ? actualHex : notation.write(actualHex);
}

/** Option check: a checksum that a caller knows, in a notation that can be read. */
export function checkAnnouncedChecksum(option: string, value: unknown): AnnouncedChecksum {
  const given = checkKeys(option, value, ['algorithm', 'value']);
  const algorithm = checkOneOf(`${option}.algorithm`, given.algorithm, CHECKSUM_ALGORITHMS);
  const announced = { algorithm, value: checkText(`${option}.value`, given.value) };
  if (normalizeChecksum(announced) === undefined) {
    refuse(`${option}.value`, given.value, `a ${algorithm} in hex or base64 (crc64ecma also in decimal)`);
  }
  return announced;
}
