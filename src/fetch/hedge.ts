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

export interface Tail {
  readonly victim: ActivePiece;
  readonly range: ByteRange;
}

/** The tail to take over, or undefined when none is worth it. */
export function findTail(active: Iterable<ActivePiece>, nowMs: number = monotonicMs()): Tail | undefined {
  const pieces = [...active].map((piece) => ({ piece, ...estimate(piece, nowMs) }));
  const fastest = Math.max(0, ...pieces.map(({ bytesPerMs }) => bytesPerMs));
  let worst: (typeof pieces)[number] | undefined;
  for (const candidate of pieces) {
    if (candidate.remainingMs < MIN_REMAINING_MS || candidate.remainingBytes < 2 * MIN_TAIL_BYTES) continue;
    if (worst === undefined || candidate.remainingMs > worst.remainingMs) worst = candidate;
  }
  if (worst === undefined) return undefined;
  // The thief is taken for as fast as the fastest one at work: both then finish together.
  const share = fastest === 0 ? 0.5 : fastest / (fastest + worst.bytesPerMs);
  const tailBytes = Math.max(MIN_TAIL_BYTES, Math.floor(worst.remainingBytes * share));
  const { piece } = worst;
  const start = Math.max(piece.position + MIN_TAIL_BYTES, piece.end - tailBytes);
  return start >= piece.end ? undefined : { victim: piece, range: { start, end: piece.end } };
}

function estimate(piece: ActivePiece, nowMs: number) {
  const elapsedMs = Math.max(1, nowMs - piece.startedAtMs);
  const bytesPerMs = (piece.position - piece.startedAt) / elapsedMs;
  const remainingBytes = piece.end - piece.position;
  // A piece without a byte yet is judged by how long it has been waiting.
  const remainingMs = bytesPerMs === 0 ? elapsedMs : remainingBytes / bytesPerMs;
  return { bytesPerMs, remainingBytes, remainingMs };
}
