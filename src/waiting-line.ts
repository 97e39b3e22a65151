/** Those who wait until there is enough for them, served strictly in the order of asking. An abort takes one out of the line. */

interface Waiter {
  readonly amount: number;
  grant(): void;
}

export class WaitingLine {
  readonly #waiters: Waiter[] = [];

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** Joins at the end; resolves when it is served. Rejects with the signal's reason. */
  join(amount: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        amount,
        grant() {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Serves from the front as long as `tryTake` takes the amount that the first one waits for. */
  serve(tryTake: (amount: number) => boolean): void {
    for (let first = this.#waiters[0]; first !== undefined && tryTake(first.amount); first = this.#waiters[0]) {
      this.#waiters.shift();
      first.grant();
    }
  }
}
