/**
 * Which tail an idle connection takes over: of the piece that would be done last, as much as lets both finish together;
 * everything when its connection has fallen silent. Pure. Refuses tails that are not worth a request, so that on a fast
 * network nothing is fetched twice.
 */

import type { ByteRange } from '../byte-range.js';
import { monotonicMs } from '../time.js';
import type { PieceProgress } from './piece-progress.js';

/** A tail shorter than this is left to its connection, unless that is silent. */
const MIN_TAIL_BYTES = 256 * 1024;
/** Less than this is not worth a connection of its own. */
const MIN_REST_BYTES = 32 * 1024;
/** A piece that will be done within this time is left to its connection. */
const MIN_REMAINING_MS = 500;
/** A piece is not judged before this: the first moments of a connection say little about its speed. */
const MIN_OBSERVED_MS = 1000;
/** Without a byte for so long a connection counts as silent; doubled with every takeover, so that an outage stays quiet. */
const MAX_SILENT_MS = 2000;

export interface Tail {
  readonly victim: PieceProgress;
  readonly range: ByteRange;
}

/**
 * The tail to take over, or undefined when none is worth it.
 * @param usualBytesPerMs - what connections of this download have brought so far; 0 when none has finished a piece
 */
export function findTail(
  active: Iterable<PieceProgress>,
  usualBytesPerMs: number,
  nowMs: number = monotonicMs(),
): Tail | undefined {
  const estimates = [...active].map((piece) => estimate(piece, nowMs));
  const fastest = Math.max(usualBytesPerMs, ...estimates.map(({ bytesPerMs }) => bytesPerMs));
  let worst: Estimate | undefined;
  for (const candidate of estimates) {
    const { remainingMs, remainingBytes, bytesPerMs } = candidate;
    if (remainingMs < MIN_REMAINING_MS || remainingBytes === 0) continue;
    if (bytesPerMs > 0 && remainingBytes < 2 * MIN_TAIL_BYTES && remainingMs < 4 * MIN_REMAINING_MS) continue;
    if (worst === undefined || remainingMs > worst.remainingMs) worst = candidate;
  }
  // Without anything to compare with, a second connection is as likely to be as slow.
  if (worst === undefined || fastest === 0) return undefined;
  const { piece, bytesPerMs, remainingBytes } = worst;
  // The thief is taken for as fast as the fastest: both then finish together.
  const keptBytes = Math.floor((remainingBytes * bytesPerMs) / (fastest + bytesPerMs));
  const start = keptBytes < MIN_REST_BYTES ? piece.position : piece.position + keptBytes;
  const isWorthIt = bytesPerMs === 0 || piece.end - start >= Math.min(MIN_TAIL_BYTES, remainingBytes / 2);
  return isWorthIt ? { victim: piece, range: { start, end: piece.end } } : undefined;
}

interface Estimate {
  readonly piece: PieceProgress;
  /** 0 for a silent one. */
  readonly bytesPerMs: number;
  readonly remainingBytes: number;
  readonly remainingMs: number;
}

function estimate(piece: PieceProgress, nowMs: number): Estimate {
  const patience = 2 ** piece.takeovers;
  const elapsedMs = Math.max(1, nowMs - piece.startedAtMs);
  const remainingBytes = piece.end - piece.position;
  const bytesPerMs = (piece.position - piece.startedAt) / elapsedMs;
  if (nowMs - piece.movedAtMs >= MAX_SILENT_MS * patience) {
    return { piece, bytesPerMs: 0, remainingBytes, remainingMs: Number.POSITIVE_INFINITY };
  }
  const isJudged = elapsedMs >= MIN_OBSERVED_MS * patience && bytesPerMs > 0;
  return { piece, bytesPerMs, remainingBytes, remainingMs: isJudged ? remainingBytes / bytesPerMs : 0 };
}
