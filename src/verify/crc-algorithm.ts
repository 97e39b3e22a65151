/**
 * The CRCs that a store may announce, as numbers. All four are reflected, start from all ones and end with a
 * complement, which is what lets them combine without correction terms: a CRC of another kind has no place here.
 */

/** The checksums whose values over neighbouring blocks combine into the value over both. */
export type CrcAlgorithm = 'crc32' | 'crc32c' | 'crc64ecma' | 'crc64nvme';

/** What makes a reflected CRC. */
export interface CrcParameters {
  readonly bits: 32 | 64;
  /** Reflected: the highest bit is the coefficient of x^0, the lowest that of x^(bits - 1). */
  readonly polynomial: bigint;
}

export const CRC_ALGORITHMS: Readonly<Record<CrcAlgorithm, CrcParameters>> = {
  crc32: { bits: 32, polynomial: 0xedb88320n },
  crc32c: { bits: 32, polynomial: 0x82f63b78n },
  crc64ecma: { bits: 64, polynomial: 0xc96c5795d7870f42n },
  crc64nvme: { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n },
};

/** Whether values of this checksum can be combined; a cryptographic hash's cannot. */
export function isCrcAlgorithm(algorithm: string): algorithm is CrcAlgorithm {
  return Object.hasOwn(CRC_ALGORITHMS, algorithm);
}

/** The value in lower-case hex, zero padded to the width of the algorithm. */
export function formatCrc(algorithm: CrcAlgorithm, value: bigint): string {
  return value.toString(16).padStart(CRC_ALGORITHMS[algorithm].bits / 4, '0');
}
