/**
 * Compares a complete file with what was announced. A CRC comes from the blocks, without a second read; other checksums
 * take one ordered pass over the file. Refuses to let wrong bytes be resumed: they are forgotten.
 */

import type { ChecksumAlgorithm } from './checksum.js';
import type { Verification } from './download-result.js';
import { ChecksumError } from './errors.js';
import type { CheckpointSink } from './sink/checkpoint-sink.js';
import { formatCrc } from './verify/crc-algorithm.js';
import { createRunningChecksum } from './verify/running-checksum.js';
import { assertVerified, type VerificationPlan } from './verify/verification.js';

/** @throws ChecksumError when the bytes are not the ones that were announced; the next call then starts afresh */
export async function verifyFile(sink: CheckpointSink, plan: VerificationPlan): Promise<Verification> {
  const actual = new Map<ChecksumAlgorithm, string>();
  const crc = sink.combinedCrc();
  if (crc !== undefined) actual.set(sink.checksumAlgorithm, formatCrc(sink.checksumAlgorithm, crc));
  const others = [...new Set(plan.checks.map(({ algorithm }) => algorithm))].filter((name) => !actual.has(name));
  if (others.length > 0) {
    const running = await Promise.all(others.map(createRunningChecksum));
    await sink.readBack((bytes) => {
      for (const checksum of running) checksum.update(bytes);
    });
    running.forEach((checksum, index) => {
      const algorithm = others[index];
      if (algorithm !== undefined) actual.set(algorithm, checksum.digest());
    });
  }
  try {
    return assertVerified(plan, actual);
  } catch (error) {
    // Invariant: bytes that failed their checksum are never taken for good ones by the next call.
    if (error instanceof ChecksumError) await sink.reset();
    throw error;
  }
}
