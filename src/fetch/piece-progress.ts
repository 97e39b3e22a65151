/** How far one piece is. Whoever watches it may take its tail away; its own fetcher then stops there. */

import type { Part } from '../part.js';
import { monotonicMs } from '../time.js';
import { FRESH, type RetryHistory } from './retry-policy.js';

export interface PieceProgress {
  part: Part;
  /** Where the piece begins; like `position` and `end` an offset in the object. */
  start: number;
  /** The next byte to come. Moves up only. */
  position: number;
  /** Where the piece ends. Moves down when somebody else fetches the rest. */
  end: number;
  readonly startedAtMs: number;
  /** When the first bytes came, and the byte after them. */
  first: { readonly atMs: number; readonly position: number } | undefined;
  /** When the last byte came, or the connection was last let go. */
  movedAtMs: number;
  /** How long it was held by the receiver, a rate limit or a back-off. Time that says nothing about the network. */
  heldMs: number;
  /** Since when it is held, and by how many of them. */
  heldSinceMs: number | undefined;
  holds: number;
  /** How many connections that were to bring these bytes were given up. */
  readonly givenUp: number;
  /** Of the requests for its next byte, the one under way included. */
  history: RetryHistory;
  /** Ends the request that is under way, when nothing is left for it to bring. */
  cancel(): void;
}

/** @param victim - whose connection was given up to fetch these bytes by another one */
export function startPiece(part: Part, start: number, end: number, victim?: PieceProgress): PieceProgress {
  const nowMs = monotonicMs();
  return {
    part,
    start,
    position: start,
    end,
    startedAtMs: nowMs,
    first: undefined,
    movedAtMs: nowMs,
    heldMs: 0,
    heldSinceMs: undefined,
    holds: 0,
    givenUp: victim === undefined ? 0 : victim.givenUp + 1,
    history: victim?.history ?? FRESH,
    cancel: () => {},
  };
}

/** No more bytes are wanted for now, until `letGoPiece` was called as often. */
export function holdPiece(piece: PieceProgress): void {
  piece.holds += 1;
  piece.heldSinceMs ??= monotonicMs();
}

export function letGoPiece(piece: PieceProgress): void {
  piece.holds -= 1;
  if (piece.holds > 0 || piece.heldSinceMs === undefined) return;
  piece.movedAtMs = monotonicMs();
  piece.heldMs += piece.movedAtMs - piece.heldSinceMs;
  piece.heldSinceMs = undefined;
}

/** More bytes came. */
export function movePiece(piece: PieceProgress, byteCount: number): void {
  piece.position += byteCount;
  piece.history = FRESH;
  piece.movedAtMs = monotonicMs();
  piece.first ??= { atMs: piece.movedAtMs, position: piece.position };
}

/** Milliseconds since its first bytes in which more could come. */
export function readingMs({ first, heldMs, heldSinceMs }: PieceProgress, nowMs: number): number {
  if (first === undefined) return 0;
  return nowMs - first.atMs - heldMs - (heldSinceMs === undefined ? 0 : nowMs - heldSinceMs);
}

/** Bytes per millisecond after the first ones, whose wait is not part of the rate; undefined before there is any. */
export function rateOf(piece: PieceProgress, nowMs: number): number | undefined {
  const byteCount = piece.position - (piece.first?.position ?? piece.position);
  return byteCount === 0 ? undefined : byteCount / Math.max(1, readingMs(piece, nowMs));
}
