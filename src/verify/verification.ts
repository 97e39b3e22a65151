/**
 * Decides what is checked at the end of a download, and judges it: the caller's checksum always, against the bytes
 * that were asked for; the store's, which is of the whole object, when the whole object was asked for.
 * Refuses to compute a checksum.
 */

import type { AnnouncedChecksum, ChecksumAlgorithm } from '../checksum.js';
import { checksumsMatch, normalizeChecksum, writeLike } from '../checksum-value.js';
import type { Verification } from '../download-result.js';
import { ChecksumError, InvalidOptionError } from '../errors.js';
import { type CrcAlgorithm, isCrcAlgorithm } from './crc-algorithm.js';

/** One comparison to make; `value` is as it was announced. */
export interface Check extends AnnouncedChecksum {
  readonly origin: 'store' | 'caller';
}

/** What will be checked. */
export interface VerificationPlan {
  /** The caller's before the store's. */
  readonly checks: readonly Check[];
  /** Why nothing is checked; there exactly when `checks` is empty. */
  readonly reason?: string;
}

/** What the decision depends on. */
export interface VerificationSituation {
  /** What the store announced for the whole object. */
  readonly announced?: AnnouncedChecksum | undefined;
  /** The caller's `expectedChecksum`, of the bytes that were asked for. */
  readonly expected?: AnnouncedChecksum | undefined;
  readonly mode: 'auto' | 'require' | 'off';
  /** The bytes that were asked for are the whole object. */
  readonly wholeObject: boolean;
}

/**
 * Plans the checks of a download.
 *
 * @throws InvalidOptionError when the caller's checksum is in no notation of its algorithm
 * @throws ChecksumError when something must be checked (`require`) and nothing can be
 */
export function planVerification(situation: VerificationSituation): VerificationPlan {
  const { announced, expected, mode } = situation;
  const checks: Check[] = [];
  // Invariant: a checksum that the caller expects is always checked.
  if (expected !== undefined) {
    if (normalizeChecksum(expected) === undefined) {
      throw new InvalidOptionError('expectedChecksum.value', `is not a ${expected.algorithm} in a known notation`);
    }
    checks.push({ algorithm: expected.algorithm, value: expected.value, origin: 'caller' });
  }
  const obstacle = obstacleToStoreCheck(situation);
  if (obstacle === undefined && announced !== undefined) {
    checks.push({ algorithm: announced.algorithm, value: announced.value, origin: 'store' });
  }
  if (checks.length > 0 || obstacle === undefined) return { checks };
  // Invariant: a download that must be verified fails when nothing can be checked.
  if (mode === 'require') {
    throw new ChecksumError(
      `verify is 'require', but nothing can be checked: ${obstacle}`,
      // The error must name one; without an announcement this says only which one we would have liked best.
      announced?.algorithm ?? 'crc64ecma',
    );
  }
  return { checks, reason: obstacle };
}

function obstacleToStoreCheck({ announced, mode, wholeObject }: VerificationSituation): string | undefined {
  if (mode === 'off') return 'off';
  if (announced === undefined) return 'the store announces no checksum';
  if (!wholeObject) return 'only a range of the object was downloaded';
  if (normalizeChecksum(announced) === undefined) {
    return `the ${announced.algorithm} that the store announces is in no known notation`;
  }
  return undefined;
}

/**
 * Compares the computed checksums (lower-case hex) with the plan.
 *
 * @throws ChecksumError at the first check that does not hold
 */
export function assertVerified(
  plan: VerificationPlan,
  actualByAlgorithm: ReadonlyMap<ChecksumAlgorithm, string>,
): Verification {
  for (const check of plan.checks) {
    const { algorithm, value, origin } = check;
    const actualHex = actualByAlgorithm.get(algorithm);
    const announcer = origin === 'caller' ? 'the caller expects' : 'the store announced';
    // Invariant: bytes whose checksum was not computed are not verified.
    if (actualHex === undefined) {
      throw new ChecksumError(`the ${algorithm} that ${announcer} was not computed`, algorithm, value);
    }
    if (!checksumsMatch(check, actualHex)) {
      const actual = writeLike(check, actualHex);
      throw new ChecksumError(
        `the bytes have the ${algorithm} ${actual}, not the ${value} that ${announcer}`,
        algorithm,
        value,
        actual,
      );
    }
  }
  const [check] = plan.checks;
  if (check === undefined) {
    return Object.freeze({ scope: 'none', reason: plan.reason ?? 'nothing was to be checked' } as const);
  }
  const { algorithm, origin, value } = check;
  return Object.freeze({ scope: 'object', algorithm, origin, value } as const);
}

/** The CRC to compute block by block, so that the file is checked without a second read. */
export function blockAlgorithm(plan: VerificationPlan): CrcAlgorithm {
  return plan.checks.map(({ algorithm }) => algorithm).find(isCrcAlgorithm) ?? 'crc32';
}
