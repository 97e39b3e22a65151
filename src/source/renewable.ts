/**
 * A value that a provider of the caller's gives (credentials, a URL), kept until it is refused or about to expire.
 * The provider is asked by one request at a time, however many wait. Refuses to wait for it longer than 30 seconds.
 */

import { createDeferred } from '../deferred.js';
import { type DownloadError, isDownloadError, TimeoutError } from '../errors.js';
import { orAborted } from '../or-aborted.js';
import { after, monotonicMs, wallClockMs } from '../time.js';
import type { RequestContext, SourceRequest } from './source.js';

/** How a renewable gets and judges its value. */
export interface Provision<T> {
  /** For messages: `the credentials provider`. */
  readonly what: string;
  /** Asks the provider and checks what it gave. */
  ask(context: { attempt: number; reason: 'first' | 'expired' }): Promise<T>;
  expiresAt?(value: T): Date | undefined;
  /** What to throw for an error of the provider's own. */
  failure(cause: unknown): DownloadError;
}

interface Held<T> {
  readonly value: T;
  /** Wall clock, like the dates of providers. */
  readonly expiresAtMs: number;
  readonly renewAtMs: number;
  /** Monotonic; undefined for the first value. */
  readonly renewedMs: number | undefined;
}

interface Flight<T> {
  readonly held: Promise<Held<T>>;
  /** Monotonic. */
  readonly startedMs: number;
}

/** How long a provider may take. */
const ANSWER_LIMIT_MS = 30_000;
/** Renewed this long before the expiry, or at half of its life if that is later. */
const EXPIRY_MARGIN_MS = 5 * 60_000;
/** After a renewal ahead of time failed, the old value serves on for this long. */
const FAILED_RENEWAL_PAUSE_MS = 10_000;
/** A refusal this soon after a renewal is taken for one of the old value, where nothing tells what was refused. */
const RENEWAL_GRACE_MS = 1_000;

export class Renewable<T> {
  readonly #provision: Provision<T>;
  readonly #usedBy = new WeakMap<SourceRequest, Held<T>>();
  #held: Held<T> | undefined;
  #flight: Flight<T> | undefined;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(provision: Provision<T>) {
    this.#provision = provision;
  }

  /** Builds a request from the value, and remembers which value it was. */
  async lend<R extends SourceRequest | undefined>(context: RequestContext, build: (value: T) => R): Promise<R> {
    const held = await this.#current(context);
    const request = build(held.value);
    if (request !== undefined) this.#usedBy.set(request, held);
    return request;
  }

  async #current(context: RequestContext): Promise<Held<T>> {
    const held = this.#held;
    if (held === undefined) return this.#renewed('first', context);
    if (context.reason === 'expired' && this.#isRefused(held, context)) return this.#renewed('expired', context);
    if (wallClockMs() < held.renewAtMs || monotonicMs() < this.#pausedUntilMs) return held;
    try {
      return await this.#renewed('expired', context);
    } catch (error) {
      if (context.signal.aborted || wallClockMs() >= held.expiresAtMs) throw error;
      this.#pausedUntilMs = monotonicMs() + FAILED_RENEWAL_PAUSE_MS;
      return held;
    }
  }

  // Invariant: many requests that were refused with one value cost one renewal.
  #isRefused(held: Held<T>, context: RequestContext): boolean {
    const used = context.refused && this.#usedBy.get(context.refused);
    if (used !== undefined) return used === held;
    return held.renewedMs === undefined || monotonicMs() - held.renewedMs > RENEWAL_GRACE_MS;
  }

  async #renewed(reason: 'first' | 'expired', context: RequestContext): Promise<Held<T>> {
    this.#flight ??= this.#ask(reason, context.attempt);
    const flight = this.#flight;
    const leftMs = flight.startedMs + ANSWER_LIMIT_MS - monotonicMs();
    return answerInTime(flight.held, leftMs, context.signal, () => {
      // The next request asks anew, and what this one may still bring is dropped.
      if (this.#flight === flight) this.#flight = undefined;
      return new TimeoutError('headers', `${this.#provision.what} gave no answer in ${ANSWER_LIMIT_MS} ms`);
    });
  }

  #ask(reason: 'first' | 'expired', attempt: number): Flight<T> {
    const settle = async (): Promise<Held<T>> => {
      try {
        const value = await this.#provision.ask({ attempt, reason });
        const nowMs = wallClockMs();
        const expiresAtMs = this.#provision.expiresAt?.(value)?.getTime() ?? Number.POSITIVE_INFINITY;
        const renewAtMs = Math.max(expiresAtMs - EXPIRY_MARGIN_MS, nowMs + (expiresAtMs - nowMs) / 2);
        const held = { value, expiresAtMs, renewAtMs, renewedMs: reason === 'first' ? undefined : monotonicMs() };
        if (this.#flight === flight) this.#held = held;
        return held;
      } catch (error) {
        throw isDownloadError(error) ? error : this.#provision.failure(error);
      } finally {
        if (this.#flight === flight) this.#flight = undefined;
      }
    };
    const flight: Flight<T> = { held: Promise.resolve().then(settle), startedMs: monotonicMs() };
    // All who wait may have been aborted by the time it fails.
    flight.held.catch(() => undefined);
    return flight;
  }
}

async function answerInTime<V>(answer: Promise<V>, leftMs: number, signal: AbortSignal, late: () => Error): Promise<V> {
  const isLate = createDeferred<never>();
  const timer = after(Math.max(0, leftMs), () => isLate.reject(late()));
  try {
    return await orAborted(Promise.race([answer, isLate.promise]), signal);
  } finally {
    timer.stop();
  }
}
