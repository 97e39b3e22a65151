/**
 * Compares a complete file with what was announced. A CRC comes from the blocks, without a second read; other checksums
 * take one ordered pass over the file. Refuses to let wrong bytes be resumed: they are forgotten.
 */

import type { ChecksumAlgorithm } from './checksum.js';
import type { Verification } from './download-result.js';
import { ChecksumError } from './errors.js';
import type { CheckpointSink } from './sink/checkpoint-sink.js';
import { formatCrc } from './verify/crc-algorithm.js';
import { createOrderedVerifier } from './verify/ordered-verifier.js';
import type { VerificationPlan } from './verify/verification.js';

/** @throws ChecksumError when the bytes are not the ones that were announced; the next call then starts afresh */
export async function verifyFile(sink: CheckpointSink, plan: VerificationPlan): Promise<Verification> {
  const known = new Map<ChecksumAlgorithm, string>();
  const crc = sink.combinedCrc();
  if (crc !== undefined) known.set(sink.checksumAlgorithm, formatCrc(sink.checksumAlgorithm, crc));
  const verifier = await createOrderedVerifier(plan, known);
  if (verifier.needsBytes) await sink.readBack(verifier.update);
  try {
    return verifier.finish();
  } catch (error) {
    // Invariant: bytes that failed their checksum are never taken for good ones by the next call.
    if (error instanceof ChecksumError) await sink.reset();
    throw error;
  }
}
