/**
 * Runs requests until one job is done: asks the retry policy after each failure, waits, refreshes credentials, corrects
 * the clock, and goes on from where the bytes got to. Refuses to know what the requests are.
 */

import { PartFailedError, ProtocolError } from '../errors.js';
import type { Part } from '../part.js';
import { sleep } from '../time.js';
import type { FetchContext } from './fetch-context.js';
import {
  afterFailure,
  afterFreeRetry,
  afterFruitlessRequest,
  asksForFewer,
  backoffDelayMs,
  decideRetry,
  FRESH,
  isRetryable,
  type RetryHistory,
} from './retry-policy.js';
import { type AttemptInfo, refusedRequestOf } from './store-request.js';

/** What the loop is to do. */
export interface AttemptJob {
  /** Named in events and errors. */
  part(): Part;
  /** One request. Throws when it failed. */
  attempt(info: AttemptInfo): Promise<void>;
  /** Whether the part was announced yet; until then its attempts are not announced either. @default always */
  isAnnounced?(): boolean;
  /** The byte reached so far: an attempt that moved it was not fruitless. */
  position(): number;
  isDone(): boolean;
  /** What earlier requests for the same byte have been through; kept up to date for whoever takes the job over. */
  readonly progress?: { history: RetryHistory };
  /** Waits before the next request. Rejects when the job ends. @default only waits */
  wait?(delayMs: number): Promise<void>;
  /** Ends the job, at once. */
  readonly signal: AbortSignal;
}

/** What an attempt tells the source, unless the one before it was refused. */
const FIRST: Omit<AttemptInfo, 'attempt' | 'signal'> = { reason: 'first' };

/**
 * @throws PartFailedError when `retry.attempts` requests in a row brought no new byte; any other error as it is
 */
export async function runAttempts(context: FetchContext, job: AttemptJob): Promise<void> {
  const { signal, progress, wait = (delayMs) => sleep(delayMs, signal) } = job;
  let history = progress?.history ?? FRESH;
  let request = FIRST;
  /** Counts the requests, also those that are not charged. */
  let number = 1 + history.fruitlessAttempts;
  let isRetry = false;
  while (!job.isDone()) {
    if (isRetry) context.counters.retries += 1;
    const before = job.position();
    if (progress !== undefined) progress.history = afterFruitlessRequest(history);
    try {
      await job.attempt({ attempt: number, ...request, signal });
      if (job.position() === before && !job.isDone()) throw new ProtocolError('the server answered without any byte');
      // A server that truthfully sends less than was asked for is asked for the rest; that is no retry.
      number = 1;
      isRetry = false;
      history = FRESH;
      request = FIRST;
    } catch (error) {
      context.signal.throwIfAborted();
      if (job.isDone()) return;
      const isFruitless = job.position() === before;
      const earlier = isFruitless ? history : FRESH;
      const failed = afterFailure(earlier, error, isFruitless);
      if (asksForFewer(error)) context.gate.slowDown();
      const decision = decideRetry(error, failed, context.options.retry);
      const isRefresh = decision.action === 'refresh-credentials';
      if (isRefresh && context.source.canRefresh === false) throw error;
      if (decision.action === 'fail') {
        throw isRetryable(error) ? new PartFailedError(job.part(), failed.fruitlessAttempts, error) : error;
      }
      history = decision.charged ? failed : afterFreeRetry(earlier, decision.action);
      request = isRefresh ? { reason: 'expired', refused: refusedRequestOf(error) } : FIRST;
      isRetry = true;
      number += 1;
      const delayMs =
        decision.action === 'backoff' ? backoffDelayMs(error, history.fruitlessAttempts, context.options.retry) : 0;
      context.emit('partRetrying', { part: job.part(), attempt: number, delayMs, error: error as Error });
      if (delayMs > 0) await wait(delayMs).catch(() => context.signal.throwIfAborted());
      if (job.isDone()) return;
      if (job.isAnnounced?.() !== false) context.emit('partStarted', { part: job.part(), attempt: number });
    }
  }
}
