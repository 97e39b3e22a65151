/**
 * A rate limit shared by all connections of one download. It never holds bytes back: it says how long the connection
 * that brought them should not be read, so that the limit reaches the sender.
 */

import { monotonicMs, sleep } from '../time.js';
import type { FetchContext } from './fetch-context.js';

/** A short burst may pass at full speed, so that a limit does not turn every read into a timer. */
const BURST_MS = 100;

export interface RateLimit {
  /** Accounts for bytes that have arrived. */
  spend(byteCount: number): void;
  /** How many milliseconds to stop reading for what has arrived; 0 for not at all. */
  pauseMs(): number;
}

export function createRateLimit(bytesPerSecond: number): RateLimit {
  // The moment up to which the limit has been used up.
  let spentUntilMs = monotonicMs();
  return {
    spend(byteCount) {
      spentUntilMs = Math.max(spentUntilMs, monotonicMs() - BURST_MS) + (byteCount * 1000) / bytesPerSecond;
    },
    pauseMs: () => Math.max(0, spentUntilMs - monotonicMs()),
  };
}

/** How long a connection that has brought bytes is not to be read; undefined where it need not wait. */
export function holdForRateLimit({ rateLimit, options, signal }: FetchContext): Promise<void> | undefined {
  // Invariant: a caller's dispatcher is not paused for a rate limit: undici's parser, paused, cannot bear every end.
  return options.dispatcher === undefined ? payRateLimit(rateLimit, signal) : undefined;
}

/**
 * Waits until the limit allows what has come: before the next request, and at the end, so that a small object, too,
 * takes as long as its bytes. Rejects with the signal's reason; undefined where nobody need wait.
 */
export function payRateLimit(rateLimit: RateLimit | undefined, signal: AbortSignal): Promise<void> | undefined {
  const pauseMs = rateLimit?.pauseMs() ?? 0;
  return pauseMs >= 1 ? sleep(pauseMs, signal) : undefined;
}
