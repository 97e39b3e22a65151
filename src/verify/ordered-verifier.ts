/** Checks bytes that pass by in order, each checksum computed once. Refuses nothing until the last byte has passed. */

import type { Verification } from '../download-result.js';
import { createRunningChecksum } from './running-checksum.js';
import { assertVerified, type VerificationPlan } from './verification.js';

export interface OrderedVerifier {
  update(bytes: Uint8Array): void;
  /** @throws ChecksumError when the bytes are not the ones that were announced */
  finish(): Verification;
}

export async function createOrderedVerifier(plan: VerificationPlan): Promise<OrderedVerifier> {
  const algorithms = [...new Set(plan.checks.map(({ algorithm }) => algorithm))];
  const running = await Promise.all(
    algorithms.map(async (algorithm) => ({ algorithm, checksum: await createRunningChecksum(algorithm) })),
  );
  return {
    update(bytes) {
      for (const { checksum } of running) checksum.update(bytes);
    },
    finish: () =>
      assertVerified(plan, new Map(running.map(({ algorithm, checksum }) => [algorithm, checksum.digest()]))),
  };
}
