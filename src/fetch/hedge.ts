/**
 * Which tail an idle connection takes over: of the piece that would be done last, as much as lets both finish together;
 * everything when its connection has fallen silent. Pure. Refuses tails that are not worth a request, so that on a fast
 * network nothing is fetched twice.
 */

import type { ByteRange } from '../byte-range.js';
import { monotonicMs } from '../time.js';
import { type PieceProgress, readingMs } from './piece-progress.js';

/** A tail shorter than this is left to its connection, unless that is silent. */
const MIN_TAIL_BYTES = 256 * 1024;
/** Less than this is not worth a connection of its own. */
const MIN_REST_BYTES = 32 * 1024;
/** A piece that will be done within this time is left to its connection. */
const MIN_REMAINING_MS = 300;
/** How long a piece is watched before its rate is believed: 1.5 times what a piece takes as a rule, within this. */
const OBSERVED_MS = { min: 200, max: 1000 };
/** How long a connection may bring nothing: 4 times what a piece takes as a rule, within this. */
const SILENT_MS = { min: 500, max: 2000 };

/** What a piece of this download was like so far, on average with more weight on the latest. */
export interface UsualPiece {
  readonly bytesPerMs: number;
  readonly durationMs: number;
}

/** The usual piece after one more was fetched. */
export function blend(usual: UsualPiece | undefined, piece: PieceProgress, nowMs: number = monotonicMs()): UsualPiece {
  const durationMs = readingMs(piece, nowMs);
  const bytesPerMs = (piece.position - piece.startedAt) / durationMs;
  if (usual === undefined) return { bytesPerMs, durationMs };
  const mix = (before: number, latest: number) => 0.8 * before + 0.2 * latest;
  return { bytesPerMs: mix(usual.bytesPerMs, bytesPerMs), durationMs: mix(usual.durationMs, durationMs) };
}

export interface Tail {
  readonly victim: PieceProgress;
  readonly range: ByteRange;
}

/** The tail to take over, or undefined when none is worth it. `usual` is undefined until a piece was fetched. */
export function findTail(
  active: Iterable<PieceProgress>,
  usual: UsualPiece | undefined,
  nowMs: number = monotonicMs(),
): Tail | undefined {
  const estimates = [...active].map((piece) => estimate(piece, usual, nowMs));
  const fastest = Math.max(usual?.bytesPerMs ?? 0, ...estimates.map(({ bytesPerMs }) => bytesPerMs));
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

function estimate(piece: PieceProgress, usual: UsualPiece | undefined, nowMs: number): Estimate {
  // Doubled with every takeover, so that an outage is not answered with ever more requests.
  const patience = 2 ** piece.takeovers;
  const usualMs = usual?.durationMs ?? Number.POSITIVE_INFINITY;
  const elapsedMs = readingMs(piece, nowMs);
  const remainingBytes = piece.end - piece.position;
  const bytesPerMs = (piece.position - piece.startedAt) / elapsedMs;
  // Not the network is slow but the receiver: another connection would not help.
  if (piece.heldSinceMs !== undefined) return { piece, bytesPerMs, remainingBytes, remainingMs: 0 };
  if (nowMs - piece.movedAtMs >= patience * within(SILENT_MS, 4 * usualMs)) {
    return { piece, bytesPerMs: 0, remainingBytes, remainingMs: Number.POSITIVE_INFINITY };
  }
  const isJudged = bytesPerMs > 0 && elapsedMs >= patience * within(OBSERVED_MS, 1.5 * usualMs);
  return { piece, bytesPerMs, remainingBytes, remainingMs: isJudged ? remainingBytes / bytesPerMs : 0 };
}

function within({ min, max }: { min: number; max: number }, value: number): number {
  return Math.min(max, Math.max(min, value));
}
