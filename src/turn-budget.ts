/** A share of each turn of the event loop, for work that would otherwise take all of it. */

import { monotonicMs } from './time.js';

/** Keeps work from occupying the event loop: what exceeds its share of one turn waits for the next one. */
export class TurnBudget {
  readonly #shareMs: number;
  #spentMs = 0;
  #nextTurn: Promise<void> | undefined;

  /** @param shareMs - milliseconds of one turn */
  constructor(shareMs: number) {
    this.#shareMs = shareMs;
  }

  /** Runs it in this turn or a later one, and gives what it returns. */
  async work<T>(run: () => T): Promise<T> {
    while (this.#spentMs >= this.#shareMs) await this.#next();
    const startedAtMs = monotonicMs();
    const result = run();
    this.#spentMs += monotonicMs() - startedAtMs;
    void this.#next();
    return result;
  }

  #next(): Promise<void> {
    this.#nextTurn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#nextTurn = undefined;
        this.#spentMs = 0;
        resolve();
      });
    });
    return this.#nextTurn;
  }
}
