/**
 * One HTTP request and its response over a dispatcher, ours or the caller's. It hands on the final head and the body's
 * bytes as they come, keeps the time limits and makes every failure one of our errors. It judges nothing: whether the
 * status, the headers or the number of bytes are right is for its caller to say.
 */

import type { Dispatcher } from 'undici';
import { ProtocolError } from '../errors.js';
import type { ResponseHeaders } from '../object-info.js';
import { requestSecrets } from '../redact.js';
import { exchangeFailure } from './exchange-failure.js';
import { type Flow, parserValve, socketValve, ValveFlow } from './flow.js';
import { type Line, type LineDispatchOptions, takenBy } from './line.js';
import { lowerCaseNames } from './lower-case-names.js';
import { holdBytes } from './slab.js';
import { type ExchangeLimits, Watchdog } from './watchdog.js';

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
    const running = new Exchange(dispatcher, request, limits, handlers, (outcome) => {
      signal.removeEventListener('abort', onAbort);
      if (outcome === 'ended') resolve();
      else reject(outcome.error);
    });
    const onAbort = () => running.giveUp(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    running.start();
  });
}

type Settle = (outcome: 'ended' | { readonly error: unknown }) => void;
type Controller = Dispatcher.DispatchController;

/** The handler that undici calls. Invariant: no callback of it ever throws into undici, which would crash the process. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #dispatcher: Dispatcher;
  readonly #request: ExchangeRequest;
  readonly #handlers: ExchangeHandlers;
  readonly #settle: Settle;
  readonly #watchdog: Watchdog;
  readonly #maxReadBytes: number | undefined;
  #line: Line | undefined;
  #controller: Controller | undefined;
  #flow: ValveFlow | undefined;
  #connectionWasUsed = false;
  #isSettled = false;
  /** Nothing more is wanted: the message ended, or the caller has what it needs. */
  #isDone = false;
  /** undici is through with the request: the connection is no longer ours to drop. */
  #isOver = false;

  constructor(
    dispatcher: Dispatcher,
    request: ExchangeRequest,
    limits: ExchangeLimits,
    handlers: ExchangeHandlers,
    settle: Settle,
  ) {
    this.#dispatcher = dispatcher;
    this.#request = request;
    this.#handlers = handlers;
    this.#settle = settle;
    this.#maxReadBytes = limits.maxReadBytes;
    this.#watchdog = new Watchdog(limits, (error) => this.giveUp(error));
  }

  start(): void {
    const { origin, path, method, headers } = this.#request;
    const options: LineDispatchOptions = {
      origin,
      path,
      method,
      headers: { ...headers },
      // Off: ours count, also over a dispatcher that has its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      [takenBy]: (line) => {
        this.#line = line;
        this.#noteConnection(line);
      },
    };
    try {
      this.#dispatcher.dispatch(options, this);
      // A caller's dispatcher has limits and a queue of its own: no time of ours runs before it sends the request.
      if (this.#line === undefined && this.#controller === undefined) this.#watchdog.pause();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Rejects with exactly this, at once, and drops the connection. */
  giveUp(error: unknown): void {
    this.#finish({ error });
    this.#drop();
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#isSettled) {
      controller.abort(new Error('the exchange was given up'));
      return;
    }
    // Connecting had its own limit; a caller's dispatcher may have let the request wait for others.
    this.#watchdog.resume();
    this.#watchdog.requestSent();
    if (this.#line === undefined) return;
    this.#noteConnection(this.#line);
    this.#line.socket?.carry(this.#maxReadBytes);
  }

  onResponseStart(
    controller: Controller,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Interim answers (RFC 9110 section 15.2) are not the response.
    if (this.#isSettled || statusCode < 200) return;
    this.#guard(() => {
      if (this.#flow !== undefined) throw new ProtocolError('the dispatcher delivered two responses to one request');
      const head = { statusCode, headers: lowerCaseNames(headers) };
      const socket = this.#line?.socket;
      const valve = socket === undefined ? parserValve(controller, head.headers) : socketValve(socket);
      this.#flow = new ValveFlow(valve, {
        pausing: () => this.#watchdog.pause(),
        resuming: () => this.#watchdog.resume(),
        refused: (error) => this.giveUp(error),
      });
      this.#watchdog.headArrived();
      this.#handlers.onHead(head, this.#flow);
    });
  }

  onResponseData(_controller: Controller, bytes: Buffer): void {
    if (this.#isSettled || this.#isDone) return;
    this.#watchdog.bytesArrived(bytes.length);
    holdBytes(bytes);
    this.#guard(() => {
      if (this.#handlers.onBytes(bytes) !== 'done') return;
      this.#isDone = true;
      // The end of the message may come with these very bytes, and then the connection is worth keeping.
      queueMicrotask(() => {
        this.#drop();
        this.#end();
      });
    });
  }

  onResponseEnd(): void {
    this.#isOver = true;
    this.#isDone = true;
    this.#end();
  }

  onResponseError(_controller: Controller | null, error: unknown): void {
    this.#isOver = true;
    this.#fail(error);
  }

  #noteConnection(line: Line): void {
    this.#connectionWasUsed = (line.socket?.requestCount ?? 0) > 0;
  }

  /** Runs a handler of ours; what it throws gives the exchange up. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.giveUp(error);
    }
  }

  #end(): void {
    this.#watchdog.stop();
    if (this.#line === undefined) this.#finish('ended');
    else this.#line.whenFree(() => this.#finish('ended'));
  }

  #fail(error: unknown): void {
    // Invariant: once the caller has all its bytes, no failure of the connection can take them back.
    if (this.#isSettled || this.#isDone) return;
    const { origin, path, headers } = this.#request;
    const failure = exchangeFailure(error, {
      dispatcher: this.#dispatcher,
      origin,
      isForeign: this.#line === undefined,
      headArrived: this.#flow !== undefined,
      connectionWasUsed: this.#connectionWasUsed,
      secrets: requestSecrets([{ url: path, headers }]),
    });
    this.#finish({ error: failure });
  }

  #finish(outcome: 'ended' | { readonly error: unknown }): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#watchdog.stop();
    this.#flow?.end();
    this.#settle(outcome);
  }

  /** Drops the connection unless the message has ended. A request still waiting for its turn is dropped when that comes. */
  #drop(): void {
    if (this.#isOver) return;
    if (this.#controller === undefined) this.#line?.stopConnecting();
    else if (this.#line === undefined) this.#controller.abort(new Error('the exchange was given up'));
    else this.#line.drop();
  }
}
