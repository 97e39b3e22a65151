/**
 * What all requests of one download share: the source, the options, the counters, the clock difference, the pools.
 * Refuses to outlive the download: `close()` gives the pools back and ends every request that is still under way.
 */

import { setMaxListeners } from 'node:events';
import type { Dispatcher } from 'undici';
import { InvalidOptionError } from '../errors.js';
import { createDownloadEvents, type DownloadEvents, type EmitDownloadEvent, emitterOf } from '../events.js';
import { followAbort } from '../follow-abort.js';
import type { CheckedOptions } from '../options.js';
import type { ObjectSource } from '../source/source.js';
import type { TlsOptions } from '../tls-options.js';
import { acquirePool, type OriginPool } from '../transport/pool.js';
import { type ConcurrencyGate, createConcurrencyGate } from './concurrency-gate.js';
import { createRateLimit, type RateLimit } from './rate-limit.js';

/** One error for all downloads: its stack trace costs more than the rest of closing. */
const ENDED = new Error('the download has ended');

const TLS_OF_DISPATCHER = 'it has no effect beside the option dispatcher: give the same settings to the dispatcher';

/** Counts of one download, kept by the requests themselves. */
export interface TransferCounters {
  transferredBytes: number;
  requests: number;
  retries: number;
  hedges: number;
}

export interface FetchContext {
  readonly source: ObjectSource;
  readonly options: CheckedOptions;
  readonly events: DownloadEvents;
  readonly emit: EmitDownloadEvent;
  readonly counters: TransferCounters;
  readonly rateLimit: RateLimit | undefined;
  readonly gate: ConcurrencyGate;
  /** Aborts when the caller's signal does, or when the context is closed. */
  readonly signal: AbortSignal;
  /** The store's clock minus ours, learned when it complains about the difference. */
  clockOffsetMs: number;
  /** Versions that turned out to be gone; each is announced once. */
  readonly goneEtags: Set<string | undefined>;
  /** Announces that the object is no longer `expected`. */
  announceChange(expected: string | undefined, actual: string | undefined): void;
  /** @throws InvalidOptionError for TLS settings that the caller's dispatcher would ignore */
  dispatcherFor(origin: string, tls: TlsOptions | undefined): Dispatcher;
  /** Ends every request with `reason`; the pools are given back. Idempotent. */
  close(reason?: unknown): void;
}

/** Opens what the requests of one download share; `before` is the context of the same download that this one replaces. */
export function openFetchContext(source: ObjectSource, options: CheckedOptions, before?: FetchContext): FetchContext {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const pools = new Map<string, OriginPool>();
  const events = before?.events ?? options.events ?? createDownloadEvents();
  const onAbort = () => controller.abort(options.signal?.reason);
  const unfollow = followAbort(options.signal, onAbort);
  const emit = before?.emit ?? emitterOf(events, options.onListenerError);
  const goneEtags = before?.goneEtags ?? new Set<string | undefined>();
  return {
    source,
    options,
    events,
    emit,
    goneEtags,
    announceChange(expected, actual) {
      if (goneEtags.has(expected)) return;
      goneEtags.add(expected);
      emit('objectChanged', { expected, actual });
    },
    counters: before?.counters ?? { transferredBytes: 0, requests: 0, retries: 0, hedges: 0 },
    rateLimit: options.maxBytesPerSecond === undefined ? undefined : createRateLimit(options.maxBytesPerSecond),
    gate: createConcurrencyGate(options.concurrency),
    signal: controller.signal,
    clockOffsetMs: before?.clockOffsetMs ?? 0,
    dispatcherFor(origin, tls) {
      if (options.dispatcher !== undefined) {
        // Invariant: certificates are never checked in another way than the source says.
        if (tls !== undefined) throw new InvalidOptionError('tls', TLS_OF_DISPATCHER);
        return options.dispatcher;
      }
      // One download talks to one source: an origin has one set of TLS settings.
      let pool = pools.get(origin);
      if (pool === undefined) {
        pool = acquirePool(origin, { tls, connectMs: options.timeouts.connectMs });
        pools.set(origin, pool);
      }
      return pool.dispatcher;
    },
    close(reason = ENDED) {
      unfollow();
      controller.abort(reason);
      for (const pool of pools.values()) pool.release();
      pools.clear();
    },
  };
}
