/** Runs one exchange of a test with short limits, and gathers what came. */

import type { Dispatcher } from 'undici';
import {
  type ExchangeHandlers,
  type ExchangeRequest,
  exchange,
  type ResponseHead,
} from '../../src/transport/exchange.js';
import type { Flow } from '../../src/transport/flow.js';
import type { ExchangeLimits } from '../../src/transport/watchdog.js';

export interface Received {
  head: ResponseHead | undefined;
  flow: Flow | undefined;
  chunks: Buffer[];
  byteCount: number;
}

export interface RunOptions {
  readonly request?: Partial<ExchangeRequest>;
  readonly limits?: Partial<ExchangeLimits>;
  readonly signal?: AbortSignal;
  readonly onHead?: ExchangeHandlers['onHead'];
  readonly onBytes?: ExchangeHandlers['onBytes'];
}

/** Starts the exchange; `received` fills while it runs. */
export function startExchange(
  dispatcher: Dispatcher,
  origin: string,
  options: RunOptions = {},
): { received: Received; ended: Promise<void> } {
  const received: Received = { head: undefined, flow: undefined, chunks: [], byteCount: 0 };
  const ended = exchange(
    dispatcher,
    { origin, path: '/object', method: 'GET', headers: {}, ...options.request },
    { headersMs: 2_000, stallMs: 2_000, minBytesPerSecond: 0, ...options.limits },
    {
      onHead(head, flow) {
        received.head = head;
        received.flow = flow;
        options.onHead?.(head, flow);
      },
      onBytes(bytes) {
        received.byteCount += bytes.length;
        received.chunks.push(bytes);
        return options.onBytes?.(bytes);
      },
    },
    options.signal ?? new AbortController().signal,
  );
  return { received, ended };
}

/** Runs the exchange to its end. */
export async function runExchange(dispatcher: Dispatcher, origin: string, options: RunOptions = {}): Promise<Received> {
  const { received, ended } = startExchange(dispatcher, origin, options);
  await ended;
  return received;
}

/** The error that a promise rejects with; fails the test when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { cause?: unknown }> {
  return promise.then(
    () => Promise.reject(new Error('expected a rejection')),
    (error) => error,
  );
}
