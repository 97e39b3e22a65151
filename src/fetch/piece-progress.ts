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
  /** When the last byte came. */
  movedAtMs: number;
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
    takeovers,
    cancel: () => {},
  };
}
