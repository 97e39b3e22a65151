/**
 * How long a request may wait in a caller's dispatcher before it is sent: as long as anything else moves on that
 * dispatcher, and then no longer than connecting and answering may take. No other limit of ours runs meanwhile, so that
 * a dispatcher with fewer connections than requests is not taken for a silent server.
 */

import { every, monotonicMs, type Timer } from '../time.js';

const MAX_STEP_MS = 500;
const MIN_STEP_MS = 5;

/** When anything was last heard of a dispatcher. */
const lastMovedMs = new WeakMap<object, number>();

/** A request was sent on this dispatcher, or something of a response came. */
export function noteMovement(dispatcher: object): void {
  lastMovedMs.set(dispatcher, monotonicMs());
}

/** Calls `onTimeout` once nothing has moved on the dispatcher for `limitMs`, unless it is stopped before. */
export function watchQueue(dispatcher: object, limitMs: number, onTimeout: () => void): Timer {
  const stepMs = Math.min(MAX_STEP_MS, Math.max(MIN_STEP_MS, limitMs / 8));
  let movedMs = lastMovedMs.get(dispatcher);
  let tickedMs = monotonicMs();
  let waitedMs = 0;
  const ticker = every(stepMs, () => {
    const nowMs = monotonicMs();
    // A late tick means that this process was busy or asleep.
    const elapsedMs = Math.min(nowMs - tickedMs, 2 * stepMs);
    waitedMs = movedMs === lastMovedMs.get(dispatcher) ? waitedMs + elapsedMs : 0;
    movedMs = lastMovedMs.get(dispatcher);
    tickedMs = nowMs;
    if (waitedMs < limitMs) return;
    ticker.stop();
    onTimeout();
  });
  return ticker;
}
