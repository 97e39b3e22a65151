/**
 * Time and timers. Every other room takes them from here, so that a test replaces one thing to control the clock.
 * Refuses to keep a listener on a signal after a sleep has ended.
 */

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
  const handle = setTimeout(run, delayMs);
  return { stop: () => clearTimeout(handle) };
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
    const onAbort = () => {
      timer.stop();
      reject(signal?.reason);
    };
    const timer = after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
