/**
 * How long a request may wait in a caller's dispatcher before it is sent: as long as anything else moves on that
 * dispatcher, and then no longer than connecting and answering may take. No other limit of ours runs meanwhile, so that
 * a dispatcher with fewer connections than requests is not taken for a silent server.
 */

import { monotonicMs, type Timer } from '../time.js';
import { LimitTicker } from './limit-ticker.js';

/** When anything was last heard of a dispatcher. */
const lastMovedMs = new WeakMap<object, number>();

/** A request was sent on this dispatcher, or something of a response came. */
export function noteMovement(dispatcher: object): void {
  lastMovedMs.set(dispatcher, monotonicMs());
}

/** Calls `onTimeout` once nothing has moved on the dispatcher for `limitMs`, unless it is stopped before. */
export function watchQueue(dispatcher: object, limitMs: number, onTimeout: () => void): Timer {
  let movedMs = lastMovedMs.get(dispatcher);
  let waitedMs = 0;
  const ticker = new LimitTicker(limitMs, (elapsedMs) => {
    waitedMs = movedMs === lastMovedMs.get(dispatcher) ? waitedMs + elapsedMs : 0;
    movedMs = lastMovedMs.get(dispatcher);
    if (waitedMs < limitMs) return;
    ticker.stop();
    onTimeout();
  });
  return ticker;
}
