/**
 * One HTTP request and its response over a dispatcher, ours or the caller's. It hands on the final head and the body's
 * bytes as they come, keeps the time limits and makes every failure one of our errors. It judges nothing: whether the
 * status, the headers or the number of bytes are right is for its caller to say.
 */

import type { Dispatcher } from 'undici';
import type { ResponseHeaders } from '../object-info.js';
import { ExchangeHandler } from './exchange-handler.js';
import type { Flow } from './flow.js';
import type { ExchangeLimits } from './watchdog.js';

export interface ExchangeRequest {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query, as they go on the wire. */
  readonly path: string;
  readonly method: 'GET' | 'HEAD';
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ResponseHead {
  readonly statusCode: number;
  readonly headers: ResponseHeaders;
}

/** Throwing from either gives the exchange up: it rejects with exactly that error and the connection is dropped. */
export interface ExchangeHandlers {
  onHead(head: ResponseHead, flow: Flow): void;
  /**
   * `'done'`: nothing more is needed. The exchange resolves, and the connection is dropped unless the message ends with
   * these bytes. The bytes stay valid and unchanged until `recycleBytes` is told that nobody needs them any more.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that never asks to finish returns nothing
  onBytes(bytes: Buffer): 'done' | void;
}

/**
 * Resolves at the end of the message. Listens to the signal once while it runs.
 *
 * @throws NetworkError, TimeoutError, ProtocolError, InvalidOptionError (option `dispatcher`), or `signal.reason`.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: ExchangeRequest,
  limits: ExchangeLimits,
  handlers: ExchangeHandlers,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const running = new ExchangeHandler(dispatcher, request, limits, handlers, (outcome) => {
      signal.removeEventListener('abort', onAbort);
      if (outcome === 'ended') resolve();
      else reject(outcome.error);
    });
    const onAbort = () => running.giveUp(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    running.start();
  });
}
