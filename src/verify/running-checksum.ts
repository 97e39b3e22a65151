/**
 * A checksum of bytes that come in order, as a stream delivers them. Has a state of its own, so that concurrent
 * downloads do not mix. Refuses to combine: blocks that come in any order are the work of crc.ts.
 */

import { createHash } from 'node:crypto';
import type { ChecksumAlgorithm } from '../checksum.js';
import { formatCrc, isCrcAlgorithm } from './crc-algorithm.js';
import { createCrcHasher } from './crc-hasher.js';

/** A checksum in the making. After `digest` it is spent. */
export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  /** The checksum of everything so far in lower-case hex; may be asked for once. */
  digest(): string;
}

/** Starts a checksum of no bytes. */
export async function createRunningChecksum(algorithm: ChecksumAlgorithm): Promise<RunningChecksum> {
  if (isCrcAlgorithm(algorithm)) {
    const hasher = await createCrcHasher(algorithm);
    return {
      update: (bytes) => hasher.update(bytes),
      digest: () => formatCrc(algorithm, hasher.digest()),
    };
  }
  const hash = createHash(algorithm);
  return {
    update(bytes): void {
      hash.update(bytes);
    },
    digest: () => hash.digest('hex'),
  };
}
