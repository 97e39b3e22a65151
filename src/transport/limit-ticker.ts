/**
 * Ticks eight times within a time limit, so that one timer watches it whatever happens meanwhile. Refuses to count time in
 * which this process was busy or asleep.
 */

import { every, monotonicMs, type Timer } from '../time.js';

/** A limit is noticed at most an eighth of it late, and never more than this. */
const MAX_STEP_MS = 500;
const MIN_STEP_MS = 5;

export class LimitTicker {
  readonly #stepMs: number;
  readonly #timer: Timer;
  #lastTickMs: number = monotonicMs();

  /** @param onTick - gets the milliseconds since the last tick or `restart()` */
  constructor(limitMs: number, onTick: (elapsedMs: number) => void) {
    this.#stepMs = Math.min(MAX_STEP_MS, Math.max(MIN_STEP_MS, limitMs / 8));
    this.#timer = every(this.#stepMs, () => {
      const nowMs = monotonicMs();
      // A tick that comes late means that this process was busy or asleep: the bytes may be waiting for it.
      const elapsedMs = Math.min(nowMs - this.#lastTickMs, 2 * this.#stepMs);
      this.#lastTickMs = nowMs;
      onTick(elapsedMs);
    });
  }

  /** The time before this is not counted. */
  restart(): void {
    this.#lastTickMs = monotonicMs();
  }

  stop(): void {
    this.#timer.stop();
  }
}
