/**
 * Byte credits: how much may be requested but not yet handed on. Granted strictly in the order of asking, so that whoever
 * asks in ascending order of offsets can never be starved by what lies behind it.
 */

export interface ReadAheadWindow {
  /**
   * Reserves bytes; resolves when they are there. A reservation larger than the whole window is granted when the window is
   * empty. Rejects with the signal's reason.
   */
  acquire(byteCount: number, signal: AbortSignal): Promise<void>;
  /** Takes bytes that are there already, even beyond the budget. */
  take(byteCount: number): void;
  /** Gives bytes back. */
  release(byteCount: number): void;
  readonly isFull: boolean;
}

interface Waiter {
  readonly byteCount: number;
  grant(): void;
}

/** @param budgetBytes - the size of the window */
export function createReadAheadWindow(budgetBytes: number): ReadAheadWindow {
  let usedBytes = 0;
  let isWaking = false;
  const waiting: Waiter[] = [];
  const fits = (byteCount: number) => usedBytes === 0 || usedBytes + byteCount <= budgetBytes;
  const wake = () => {
    isWaking = false;
    for (let first = waiting[0]; first !== undefined && fits(first.byteCount); first = waiting[0]) {
      waiting.shift();
      usedBytes += first.byteCount;
      first.grant();
    }
  };
  return {
    acquire(byteCount, signal) {
      signal.throwIfAborted();
      // Invariant: reservations are granted in the order they were asked for, also when a later one would fit.
      if (waiting.length === 0 && fits(byteCount)) {
        usedBytes += byteCount;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const onAbort = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(signal.reason);
        };
        const waiter: Waiter = {
          byteCount,
          grant() {
            signal.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.push(waiter);
      });
    },
    take(byteCount) {
      usedBytes += byteCount;
    },
    release(byteCount) {
      usedBytes -= byteCount;
      if (isWaking || waiting.length === 0) return;
      isWaking = true;
      // Later, because waking one connection from inside another one's data callback breaks undici's parser.
      queueMicrotask(wake);
    },
    get isFull() {
      return usedBytes >= budgetBytes;
    },
  };
}
