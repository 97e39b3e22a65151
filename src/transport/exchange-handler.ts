/**
 * What undici calls for one exchange. Keeps the time limits, makes every failure one of our errors, and drops the
 * connection when nothing more is wanted of it. Refuses to throw into undici.
 */

import type { Dispatcher } from 'undici';
import { NetworkError, ProtocolError, TimeoutError } from '../errors.js';
import { requestSecrets } from '../redact.js';
import type { Timer } from '../time.js';
import { noteMovement, watchQueue } from './dispatcher-queue.js';
import type { ExchangeHandlers, ExchangeRequest } from './exchange.js';
import { exchangeFailure } from './exchange-failure.js';
import { parserValve, socketValve, ValveFlow } from './flow.js';
import { type Line, type LineDispatchOptions, takenBy } from './line.js';
import { lowerCaseNames } from './lower-case-names.js';
import { holdBytes } from './slab.js';
import { type ExchangeLimits, Watchdog } from './watchdog.js';

export type Settle = (outcome: 'ended' | { readonly error: unknown }) => void;
type Controller = Dispatcher.DispatchController;

/** The handler that undici calls. Invariant: no callback of it ever throws into undici, which would crash the process. */
export class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #dispatcher: Dispatcher;
  readonly #request: ExchangeRequest;
  readonly #handlers: ExchangeHandlers;
  readonly #settle: Settle;
  readonly #watchdog: Watchdog;
  readonly #limits: ExchangeLimits;
  #queued: Timer | undefined;
  #line: Line | undefined;
  #controller: Controller | undefined;
  #flow: ValveFlow | undefined;
  /** Each response has its own. */
  #rawHeaders: Controller['rawHeaders'];
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
    this.#limits = limits;
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
      if (this.#line === undefined && this.#controller === undefined) this.#waitForTurn();
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
    this.#noteTurn();
    this.#watchdog.requestSent();
    if (this.#line === undefined) return;
    this.#noteConnection(this.#line);
    this.#line.socket?.carry(this.#limits.maxReadBytes);
  }

  onResponseStart(
    controller: Controller,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Interim answers (RFC 9110 section 15.2) are not the response.
    if (this.#isSettled || statusCode < 200) return;
    this.#noteTurn();
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
      this.#rawHeaders = controller.rawHeaders;
      this.#watchdog.headArrived();
      this.#handlers.onHead(head, this.#flow);
    });
  }

  onResponseData(controller: Controller, bytes: Buffer): void {
    if (this.#isSettled || this.#isDone) return;
    // Invariant: bytes are used only of the response whose head was checked, also where a dispatcher goes on with another one.
    if (controller.rawHeaders !== this.#rawHeaders) {
      this.giveUp(new NetworkError('the body was cut, and the dispatcher continued it with another response'));
      return;
    }
    this.#watchdog.bytesArrived(bytes.length);
    if (this.#line === undefined) noteMovement(this.#dispatcher);
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

  /** While the request waits in the queue of a caller's dispatcher, no other limit of ours runs. */
  #waitForTurn(): void {
    const limitMs = (this.#limits.connectMs ?? 0) + this.#limits.headersMs;
    this.#watchdog.pause();
    this.#queued = watchQueue(this.#dispatcher, limitMs, () => {
      this.giveUp(new TimeoutError('connect', `the dispatcher did not send the request within ${limitMs} ms`));
    });
  }

  /** The request was sent, or is being answered. */
  #noteTurn(): void {
    if (this.#line === undefined) noteMovement(this.#dispatcher);
    this.#queued?.stop();
    this.#queued = undefined;
    this.#watchdog.resume();
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
    // What makes an error of ours looks at values of strangers: a source's headers, a dispatcher's error.
    this.#guard(() => {
      const failure = exchangeFailure(error, {
        dispatcher: this.#dispatcher,
        origin,
        isForeign: this.#line === undefined,
        headArrived: this.#flow !== undefined,
        connectionWasUsed: this.#connectionWasUsed,
        secrets: requestSecrets([{ url: path, headers }]),
      });
      this.#finish({ error: failure });
    });
  }

  #finish(outcome: 'ended' | { readonly error: unknown }): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#queued?.stop();
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
