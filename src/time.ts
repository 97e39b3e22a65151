/**
 * Time and timers. Every other room takes them from here, so that a test replaces one thing to control the clock.
 * Refuses to keep a listener on a signal after a sleep has ended.
 */

import { followAbort } from './follow-abort.js';

/** The longest delay that a Node timer can hold; a longer one would be over at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** Wall-clock time in milliseconds since the epoch: for dates that leave the process. It can jump. */
export function wallClockMs(): number {
  return Date.now();
}

/** Monotonic time in milliseconds: for durations. It never goes back. */
export function monotonicMs(): number {
  return performance.now();
}

/** A timer that is running. `stop()` may be called any number of times. */
export interface Timer {
  stop(): void;
}

/** Calls `run` once after `delayMs`. */
export function after(delayMs: number, run: () => void): Timer {
  const handle = setTimeout(run, Math.min(delayMs, MAX_TIMER_MS));
  return { stop: () => clearTimeout(handle) };
}

/**
 * Calls `run` once after `delayMs` with the time by which it may judge who is silent: whatever was in the sockets then
 * has been read since, however long the event loop was busy before.
 */
export function afterPolling(delayMs: number, run: (askedAtMs: number) => void): Timer {
  let isStopped = false;
  const timer = after(delayMs, () => {
    const askedAtMs = monotonicMs();
    // Between timers and immediates the loop reads from every socket that has something.
    setImmediate(() => isStopped || run(askedAtMs));
  });
  return {
    stop() {
      isStopped = true;
      timer.stop();
    },
  };
}

/** Calls `run` once after `delayMs` if the process still lives then: unlike {@link after} it does not keep it alive. */
export function afterIfAlive(delayMs: number, run: () => void): Timer {
  const handle = setTimeout(run, delayMs).unref();
  return { stop: () => clearTimeout(handle) };
}

/** Calls `run` every `intervalMs`. It does not keep the process alive. */
export function every(intervalMs: number, run: () => void): Timer {
  const handle = setInterval(run, intervalMs).unref();
  return { stop: () => clearInterval(handle) };
}

/** Resolves after `delayMs`; rejects with `signal.reason` as soon as the signal aborts. */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    // Many may sleep on one signal of the caller at once, each waiting for a lock.
    const unfollow = followAbort(signal, () => {
      timer.stop();
      reject(signal?.reason);
    });
    const timer = after(delayMs, () => {
      unfollow();
      resolve();
    });
  });
}
