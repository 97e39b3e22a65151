/** How far one piece is. Whoever watches it may take its tail away; its own fetcher then stops there. */

import type { Part } from '../part.js';
import { monotonicMs } from '../time.js';

export interface PieceProgress {
  part: Part;
  /** The next byte to come. Moves up only. */
  position: number;
  /** Where the piece ends. Moves down when somebody else fetches the rest. */
  end: number;
  startedAt: number;
  readonly startedAtMs: number;
  /** When the last byte came, or the connection was last let go. */
  movedAtMs: number;
  /** How long its connection was held by the receiver, and since when it is. Time that says nothing about the network. */
  heldMs: number;
  heldSinceMs: number | undefined;
  /** How often bytes of this piece were taken over already. */
  readonly takeovers: number;
  /** Ends the request that is under way, when nothing is left for it to bring. */
  cancel(): void;
}

export function startPiece(part: Part, start: number, end: number, takeovers: number = 0): PieceProgress {
  const nowMs = monotonicMs();
  return {
    part,
    position: start,
    end,
    startedAt: start,
    startedAtMs: nowMs,
    movedAtMs: nowMs,
    heldMs: 0,
    heldSinceMs: undefined,
    takeovers,
    cancel: () => {},
  };
}

/** The receiver does not want more bytes for now. */
export function holdPiece(piece: PieceProgress): void {
  piece.heldSinceMs ??= monotonicMs();
}

export function letGoPiece(piece: PieceProgress): void {
  if (piece.heldSinceMs === undefined) return;
  piece.movedAtMs = monotonicMs();
  piece.heldMs += piece.movedAtMs - piece.heldSinceMs;
  piece.heldSinceMs = undefined;
}

/** Milliseconds in which its bytes could come, at least 1. */
export function readingMs(piece: PieceProgress, nowMs: number): number {
  const heldMs = piece.heldMs + (piece.heldSinceMs === undefined ? 0 : nowMs - piece.heldSinceMs);
  return Math.max(1, nowMs - piece.startedAtMs - heldMs);
}
