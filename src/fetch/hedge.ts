/**
 * Which tail an idle connection takes over: of the piece that would be done last, as much as lets both finish together;
 * everything when its connection has fallen silent. Pure. Refuses tails that are not worth a request, so that on a fast
 * network nothing is fetched twice.
 */

import type { ByteRange } from '../byte-range.js';
import { monotonicMs } from '../time.js';
import { type PieceProgress, rateOf, readingMs } from './piece-progress.js';

/** How much earlier a piece has to be done for a takeover; no less than the new request waits for its first byte. */
const MIN_SAVED_MS = 50;
/** A tail shorter than this has to save more. */
const MIN_TAIL_BYTES = 256 * 1024;
const MIN_SAVED_BY_SHORT_TAIL_MS = 300;
/** Whoever would keep less than this keeps nothing: a connection that slow is better given up. */
const MIN_KEPT_BYTES = 256 * 1024;
/** How long bytes are watched before their rate is believed: a quarter of what a piece takes as a rule, within this. */
const OBSERVED_MS = { min: 100, max: 1000 };
/** How long a connection may bring nothing: 4 times what a piece takes as a rule, within this. */
const SILENT_MS = { min: 500, max: 2000 };

/** What a piece of this download was like so far, on average with more weight on the latest. */
export interface UsualPiece {
  /** Once bytes come. */
  readonly bytesPerMs: number;
  /** From the request to the last byte. */
  readonly durationMs: number;
  /** From the request to the first byte. */
  readonly firstByteMs: number;
}

/** The usual piece after one more has ended; a piece that brought nothing tells nothing. */
export function blend(
  usual: UsualPiece | undefined,
  piece: PieceProgress,
  nowMs: number = monotonicMs(),
): UsualPiece | undefined {
  if (piece.first === undefined) return usual;
  const durationMs = Math.max(1, nowMs - piece.startedAtMs - piece.heldMs);
  const latest: UsualPiece = {
    // All of a short piece may come at once.
    bytesPerMs: rateOf(piece, nowMs) ?? (piece.position - piece.start) / durationMs,
    durationMs,
    firstByteMs: piece.first.atMs - piece.startedAtMs,
  };
  if (usual === undefined) return latest;
  const mix = (key: keyof UsualPiece) => 0.8 * usual[key] + 0.2 * latest[key];
  return { bytesPerMs: mix('bytesPerMs'), durationMs: mix('durationMs'), firstByteMs: mix('firstByteMs') };
}

export interface Tail {
  readonly victim: PieceProgress;
  readonly range: ByteRange;
}

/**
 * The tail to take over, or undefined when none is worth it.
 *
 * @param usual - undefined until a piece was fetched
 * @param ownBytesPerMs - of the connection that would take it, where that is known
 */
export function findTail(
  active: Iterable<PieceProgress>,
  usual: UsualPiece | undefined,
  ownBytesPerMs: number | undefined,
  nowMs: number = monotonicMs(),
): Tail | undefined {
  const estimates = [...active].map((piece) => estimate(piece, usual, nowMs));
  const thief = ownBytesPerMs ?? usual?.bytesPerMs ?? Math.max(0, ...estimates.map(({ bytesPerMs }) => bytesPerMs));
  // Without anything to compare with, a second connection is as likely to be as slow.
  if (thief === 0) return undefined;
  let last: Estimate | undefined;
  let tail: Tail | undefined;
  for (const candidate of estimates) {
    if (candidate.remainingMs <= (last?.remainingMs ?? 0)) continue;
    const offer = tailOf(candidate, thief, usual?.firstByteMs ?? 0);
    if (offer === undefined) continue;
    last = candidate;
    tail = offer;
  }
  return tail;
}

/** What a connection of this rate would take from the piece; undefined when that is not worth a request. */
function tailOf(
  { piece, bytesPerMs, remainingBytes, remainingMs }: Estimate,
  thiefBytesPerMs: number,
  firstByteMs: number,
): Tail | undefined {
  // Both are done then: the one goes on at once, the other with its first byte.
  let doneMs = (remainingBytes + thiefBytesPerMs * firstByteMs) / (thiefBytesPerMs + bytesPerMs);
  let keptBytes = Math.floor(bytesPerMs * doneMs);
  if (keptBytes < MIN_KEPT_BYTES) {
    keptBytes = 0;
    doneMs = firstByteMs + remainingBytes / thiefBytesPerMs;
  }
  const savedMs = remainingMs - doneMs;
  const minSavedMs = remainingBytes - keptBytes < MIN_TAIL_BYTES ? MIN_SAVED_BY_SHORT_TAIL_MS : MIN_SAVED_MS;
  if (savedMs < Math.max(minSavedMs, firstByteMs)) return undefined;
  return { victim: piece, range: { start: piece.position + keptBytes, end: piece.end } };
}

interface Estimate {
  readonly piece: PieceProgress;
  /** 0 for a silent one. */
  readonly bytesPerMs: number;
  readonly remainingBytes: number;
  /** 0 for one that is to be left alone. */
  readonly remainingMs: number;
}

function estimate(piece: PieceProgress, usual: UsualPiece | undefined, nowMs: number): Estimate {
  const usualMs = usual?.durationMs ?? Number.POSITIVE_INFINITY;
  const remainingBytes = piece.end - piece.position;
  const bytesPerMs = rateOf(piece, nowMs) ?? 0;
  // Not the network is slow but the receiver: another connection would not help.
  if (remainingBytes === 0 || piece.heldSinceMs !== undefined)
    return { piece, bytesPerMs, remainingBytes, remainingMs: 0 };
  // Doubled with every connection given up, so that an outage is not answered with ever more requests.
  const patience = 2 ** piece.givenUp;
  if (nowMs - piece.movedAtMs >= patience * within(SILENT_MS, 4 * usualMs)) {
    return { piece, bytesPerMs: 0, remainingBytes, remainingMs: Number.POSITIVE_INFINITY };
  }
  const isJudged = bytesPerMs > 0 && readingMs(piece, nowMs) >= patience * within(OBSERVED_MS, usualMs / 4);
  return { piece, bytesPerMs, remainingBytes, remainingMs: isJudged ? remainingBytes / bytesPerMs : 0 };
}

function within({ min, max }: { min: number; max: number }, value: number): number {
  return Math.min(max, Math.max(min, value));
}
