/**
 * Which tail an idle connection takes over: of the piece that would be done last, as much as the two can share fairly.
 * Pure. Refuses tails that are not worth a request, so that on a fast network nothing is fetched twice.
 */

import type { ByteRange } from '../byte-range.js';
import { monotonicMs } from '../time.js';
import type { ActivePiece } from './fetch-scheduler.js';

/** A tail shorter than this is left to its connection. */
const MIN_TAIL_BYTES = 256 * 1024;
/** A piece that will be done within this time is left to its connection. */
const MIN_REMAINING_MS = 500;
/** A piece is not judged before this: the first moments of a connection say little about its speed. */
const MIN_OBSERVED_MS = 1000;
/** A piece may wait this long for its first byte before it counts as slow. */
const MAX_FIRST_BYTE_MS = 2000;

export interface Tail {
  readonly victim: ActivePiece;
  readonly range: ByteRange;
}

/**
 * The tail to take over, or undefined when none is worth it.
 * @param usualBytesPerMs - what connections of this download have brought so far; 0 when none has finished a piece
 */
export function findTail(
  active: Iterable<ActivePiece>,
  usualBytesPerMs: number,
  nowMs: number = monotonicMs(),
): Tail | undefined {
  const estimates = [...active].map((piece) => estimate(piece, nowMs));
  const fastest = Math.max(usualBytesPerMs, ...estimates.map(({ bytesPerMs }) => bytesPerMs));
  let worst: Estimate | undefined;
  for (const candidate of estimates) {
    if (candidate.remainingMs < MIN_REMAINING_MS || candidate.remainingBytes < 2 * MIN_TAIL_BYTES) continue;
    if (worst === undefined || candidate.remainingMs > worst.remainingMs) worst = candidate;
  }
  // Without anything to compare with, a second connection is as likely to be as slow.
  if (worst === undefined || fastest === 0) return undefined;
  // The thief is taken for as fast as the fastest: both then finish together.
  const tailBytes = Math.floor((worst.remainingBytes * fastest) / (fastest + worst.bytesPerMs));
  const { piece } = worst;
  const start = Math.max(piece.position + MIN_TAIL_BYTES, piece.end - tailBytes);
  return piece.end - start < MIN_TAIL_BYTES ? undefined : { victim: piece, range: { start, end: piece.end } };
}

interface Estimate {
  readonly piece: ActivePiece;
  readonly bytesPerMs: number;
  readonly remainingBytes: number;
  readonly remainingMs: number;
}

function estimate(piece: ActivePiece, nowMs: number): Estimate {
  const elapsedMs = Math.max(1, nowMs - piece.startedAtMs);
  const bytesPerMs = (piece.position - piece.startedAt) / elapsedMs;
  const remainingBytes = piece.end - piece.position;
  if (elapsedMs < MIN_OBSERVED_MS) return { piece, bytesPerMs, remainingBytes, remainingMs: 0 };
  if (bytesPerMs > 0) return { piece, bytesPerMs, remainingBytes, remainingMs: remainingBytes / bytesPerMs };
  const isLate = elapsedMs >= MAX_FIRST_BYTE_MS;
  return { piece, bytesPerMs, remainingBytes, remainingMs: isLate ? Number.POSITIVE_INFINITY : 0 };
}
