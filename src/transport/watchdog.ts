/**
 * The clock of one exchange: no answer in time, no byte in time, too few bytes in time. It counts only time in which we
 * were reading, and looks at it now and then instead of setting a timer per chunk.
 */

import { TimeoutError } from '../errors.js';
import { LimitTicker } from './limit-ticker.js';

/** Limits of one exchange, in milliseconds and bytes per second. */
export interface ExchangeLimits {
  /** Of a caller's dispatcher: with `headersMs`, how long a request may wait there while nothing else moves. */
  readonly connectMs?: number | undefined;
  /** From the request until the final response head; interim (1xx) answers do not prolong it. */
  readonly headersMs: number;
  /** Without any byte of the body while we are reading. */
  readonly stallMs: number;
  /** Fewer than this on average over 10 s of reading gives up; 0 = off. */
  readonly minBytesPerSecond: number;
  /** The most that one read may bring; what a rate limit allows has to come in small portions. */
  readonly maxReadBytes?: number | undefined;
}

const RATE_WINDOW_MS = 10_000;

export class Watchdog {
  readonly #limits: ExchangeLimits;
  readonly #onTimeout: (error: TimeoutError) => void;
  readonly #ticker: LimitTicker;
  #phase: 'headers' | 'body' = 'headers';
  #isPaused = false;
  #waitedMs = 0;
  #bytesSinceTick = 0;
  #windowMs = 0;
  #windowBytes = 0;

  constructor(limits: ExchangeLimits, onTimeout: (error: TimeoutError) => void) {
    this.#limits = limits;
    this.#onTimeout = onTimeout;
    this.#ticker = new LimitTicker(Math.min(limits.headersMs, limits.stallMs), (elapsedMs) => this.#tick(elapsedMs));
  }

  /** The request was sent only now: the time before it belongs to connecting. */
  requestSent(): void {
    this.#waitedMs = 0;
    this.#ticker.restart();
  }

  headArrived(): void {
    this.#phase = 'body';
    this.#waitedMs = 0;
    this.#ticker.restart();
  }

  bytesArrived(byteCount: number): void {
    this.#bytesSinceTick += byteCount;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#ticker.restart();
  }

  stop(): void {
    this.#ticker.stop();
  }

  #tick(sinceLastMs: number): void {
    const elapsedMs = this.#isPaused ? 0 : sinceLastMs;
    const byteCount = this.#bytesSinceTick;
    this.#bytesSinceTick = 0;
    this.#waitedMs = byteCount > 0 ? 0 : this.#waitedMs + elapsedMs;
    if (this.#phase === 'headers') this.#checkHead();
    else this.#checkBody(byteCount, elapsedMs);
  }

  #checkHead(): void {
    const { headersMs } = this.#limits;
    if (this.#waitedMs >= headersMs) this.#giveUp('headers', `no response head within ${headersMs} ms`);
  }

  #checkBody(byteCount: number, elapsedMs: number): void {
    const { stallMs, minBytesPerSecond } = this.#limits;
    if (this.#waitedMs >= stallMs) {
      this.#giveUp('stall', `no byte from the server for ${stallMs} ms`);
      return;
    }
    this.#windowMs += elapsedMs;
    this.#windowBytes += byteCount;
    if (this.#windowMs < RATE_WINDOW_MS) return;
    if (this.#windowBytes < (minBytesPerSecond * this.#windowMs) / 1000) {
      this.#giveUp('stall', `slower than ${minBytesPerSecond} bytes per second for ${RATE_WINDOW_MS / 1000} s`);
    }
    this.#windowMs = 0;
    this.#windowBytes = 0;
  }

  #giveUp(phase: 'headers' | 'stall', message: string): void {
    this.stop();
    this.#onTimeout(new TimeoutError(phase, message));
  }
}
