/** Checks bytes that pass by in order, each checksum computed once. Refuses nothing until the last byte has passed. */

import type { ChecksumAlgorithm } from '../checksum.js';
import type { Verification } from '../download-result.js';
import { createRunningChecksum } from './running-checksum.js';
import { assertVerified, type VerificationPlan } from './verification.js';

export interface OrderedVerifier {
  /** False: everything to compare is known without the bytes. */
  readonly needsBytes: boolean;
  update(bytes: Uint8Array): void;
  /** @throws ChecksumError when the bytes are not the ones that were announced */
  finish(): Verification;
}

/** @param known - checksums of the bytes that were computed elsewhere, in lower-case hex */
export async function createOrderedVerifier(
  plan: VerificationPlan,
  known: ReadonlyMap<ChecksumAlgorithm, string> = new Map(),
): Promise<OrderedVerifier> {
  const algorithms = [...new Set(plan.checks.map(({ algorithm }) => algorithm))].filter((name) => !known.has(name));
  const running = await Promise.all(
    algorithms.map(async (algorithm) => ({ algorithm, checksum: await createRunningChecksum(algorithm) })),
  );
  return {
    needsBytes: running.length > 0,
    update(bytes) {
      for (const { checksum } of running) checksum.update(bytes);
    },
    finish() {
      const actual = new Map(known);
      for (const { algorithm, checksum } of running) actual.set(algorithm, checksum.digest());
      return assertVerified(plan, actual);
    },
  };
}
