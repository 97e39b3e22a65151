/**
 * Byte credits: how much may be requested but not yet handed on. Granted strictly in the order of asking, so that whoever
 * asks in ascending order of offsets can never be starved by what comes after it.
 */

import { WaitingLine } from '../waiting-line.js';

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

/** @param budgetBytes - the size of the window */
export function createReadAheadWindow(budgetBytes: number): ReadAheadWindow {
  let usedBytes = 0;
  let isWaking = false;
  const line = new WaitingLine();
  const tryTake = (byteCount: number) => {
    if (usedBytes !== 0 && usedBytes + byteCount > budgetBytes) return false;
    usedBytes += byteCount;
    return true;
  };
  const wake = () => {
    isWaking = false;
    line.serve(tryTake);
  };
  return {
    acquire(byteCount, signal) {
      signal.throwIfAborted();
      // Invariant: reservations are granted in the order they were asked for, also when a later one would fit.
      if (line.isEmpty && tryTake(byteCount)) return Promise.resolve();
      return line.join(byteCount, signal);
    },
    take(byteCount) {
      usedBytes += byteCount;
    },
    release(byteCount) {
      usedBytes -= byteCount;
      if (isWaking || line.isEmpty) return;
      isWaking = true;
      // Later, because waking one connection from inside another one's data callback breaks undici's parser.
      queueMicrotask(wake);
    },
    get isFull() {
      return usedBytes >= budgetBytes;
    },
  };
}
