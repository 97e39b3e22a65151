/**
 * How many connections may be at work: all of them, until the store asks to slow down; then half as many, and slowly
 * more again with every piece that comes. Refuses to let more in than that, and never stops letting in one.
 */

import { monotonicMs } from '../time.js';
import { WaitingLine } from '../waiting-line.js';

export interface ConcurrencyGate {
  /** Resolves when one more may work. */
  enter(signal: AbortSignal): Promise<void>;
  /** Like `enter`, without waiting: false when it is full. */
  tryEnter(): boolean;
  leave(): void;
  /** The store is busy. */
  slowDown(): void;
  /** A piece was fetched. */
  speedUp(): void;
}

/** Answers of requests that were sent together count as one. */
const SLOW_DOWN_INTERVAL_MS = 500;
/** What one fetched piece is worth: four of them let one more connection in. */
const SPEED_UP_STEP = 0.25;

export function createConcurrencyGate(maxConcurrency: number): ConcurrencyGate {
  let allowed = maxConcurrency;
  let inside = 0;
  let slowedAtMs = Number.NEGATIVE_INFINITY;
  const line = new WaitingLine();
  const tryEnter = () => {
    if (inside >= Math.floor(allowed)) return false;
    inside += 1;
    return true;
  };
  return {
    tryEnter,
    enter(signal) {
      signal.throwIfAborted();
      if (tryEnter()) return Promise.resolve();
      return line.join(1, signal);
    },
    leave() {
      inside -= 1;
      line.serve(tryEnter);
    },
    slowDown() {
      const nowMs = monotonicMs();
      if (nowMs - slowedAtMs < SLOW_DOWN_INTERVAL_MS) return;
      slowedAtMs = nowMs;
      // From what is really at work: halving what was never used would change nothing.
      // Nobody is inside when the first request, which discovers the object, is the one that was refused.
      allowed = Math.max(1, Math.min(allowed, inside || allowed) / 2);
    },
    speedUp() {
      allowed = Math.min(maxConcurrency, allowed + SPEED_UP_STEP);
      line.serve(tryEnter);
    },
  };
}
