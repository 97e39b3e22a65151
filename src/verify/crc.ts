/**
 * CRCs of blocks, which combine into the CRC of the whole object: every byte is read once, in whatever order the
 * blocks come. Refuses hashes that need their bytes in order; see running-checksum.ts.
 */

import { CRC_ALGORITHMS, type CrcAlgorithm } from './crc-algorithm.js';
import { createCrcCombine } from './crc-combine.js';
import { createCrcHasher } from './crc-hasher.js';

/** One CRC algorithm, ready for use. The CRC of no bytes is 0. */
export interface Crc {
  readonly algorithm: CrcAlgorithm;
  /** The CRC of the buffers, one after the other. */
  of(buffers: readonly Uint8Array[]): bigint;
  /** The CRC of A followed by B, from the CRC of each and the length of B in bytes. */
  combine(a: bigint, b: bigint, lengthB: number): bigint;
}

const loaded = new Map<CrcAlgorithm, Promise<Crc>>();

/** Loads an algorithm, once in a process. */
export function loadCrc(algorithm: CrcAlgorithm): Promise<Crc> {
  let crc = loaded.get(algorithm);
  if (crc === undefined) {
    crc = createCrc(algorithm);
    loaded.set(algorithm, crc);
    // A failure (no memory for WebAssembly, say) is the caller's to see, and not a verdict on the next download.
    crc.catch(() => loaded.delete(algorithm));
  }
  return crc;
}

async function createCrc(algorithm: CrcAlgorithm): Promise<Crc> {
  const hasher = await createCrcHasher(algorithm);
  return {
    algorithm,
    // Invariant: blocks of concurrent downloads never mix in one CRC; from reset to digest nothing else can run.
    of(buffers): bigint {
      hasher.reset();
      for (const buffer of buffers) hasher.update(buffer);
      return hasher.digest();
    },
    combine: createCrcCombine(CRC_ALGORITHMS[algorithm]),
  };
}
