/**
 * One CRC over bytes that come in order. The CRCs themselves are a library's: zlib's where zlib has one, WebAssembly
 * for the others, compiled by the first download that needs it. Refuses to be shared by two who interleave their updates.
 */

import { crc32 } from 'node:zlib';
import { createCRC32, createCRC64 } from 'hash-wasm';
import { CRC_ALGORITHMS, type CrcAlgorithm } from './crc-algorithm.js';

/** A CRC in the making. */
export interface CrcHasher {
  /** Starts again from no bytes. */
  reset(): void;
  update(bytes: Uint8Array): void;
  /** The CRC of the bytes since the last reset; call {@link reset} before the next update. */
  digest(): bigint;
}

/** Makes a hasher with a state of its own. */
export async function createCrcHasher(algorithm: CrcAlgorithm): Promise<CrcHasher> {
  return algorithm === 'crc32' ? createZlibHasher() : await createWasmHasher(algorithm);
}

function createZlibHasher(): CrcHasher {
  let value = 0;
  return {
    reset(): void {
      value = 0;
    },
    update(bytes): void {
      value = crc32(bytes, value);
    },
    digest: () => BigInt(value),
  };
}

async function createWasmHasher(algorithm: CrcAlgorithm): Promise<CrcHasher> {
  const { bits, polynomial } = CRC_ALGORITHMS[algorithm];
  const hasher = bits === 32 ? await createCRC32(Number(polynomial)) : await createCRC64(polynomial.toString(16));
  return {
    reset(): void {
      hasher.init();
    },
    update(bytes): void {
      hasher.update(bytes);
    },
    digest: () => BigInt(`0x${hasher.digest('hex')}`),
  };
}
