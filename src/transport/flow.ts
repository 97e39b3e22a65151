/**
 * Stopping and restarting one response. On a connection of ours it stops the socket below undici's parser; on a
 * caller's dispatcher nothing but the parser can be stopped, and only where that cannot crash the process.
 */

import type { Dispatcher } from 'undici';
import { ProtocolError } from '../errors.js';
import type { ResponseHeaders } from '../object-info.js';
import type { SlabSocket } from './slab-socket.js';

/** Stops reading a response; bytes that were read already may still come. Calls do not add up: one resume() is enough. */
export interface Flow {
  /** Where a caller's dispatcher cannot be paused safely, the exchange is given up with a ProtocolError. */
  pause(): void;
  resume(): void;
}

/** How a flow reaches the connection. */
export interface Valve {
  /** @returns why it cannot be closed, if so. */
  close(): ProtocolError | undefined;
  open(): void;
}

/** Who is told about it. */
export interface FlowListener {
  pausing(): void;
  resuming(): void;
  refused(error: ProtocolError): void;
}

export function socketValve(socket: SlabSocket): Valve {
  return {
    close() {
      socket.hold();
      return undefined;
    },
    open: () => socket.letGo(),
  };
}

/**
 * The last resort for a caller's dispatcher. undici's parser, paused on a connection that the server is going to close,
 * throws an assertion that nobody can catch when the FIN comes: there it refuses.
 */
export function parserValve(controller: Dispatcher.DispatchController, headers: ResponseHeaders): Valve {
  return {
    close() {
      if (endsByClosing(headers)) {
        return new ProtocolError(
          'the server closes the connection after this response, so it cannot be paused behind a custom dispatcher',
        );
      }
      controller.pause();
      return undefined;
    },
    open: () => controller.resume(),
  };
}

/** The server closes the connection after the response (RFC 9112 sections 6.3 and 9.6), in undici's parser's view. */
function endsByClosing(headers: ResponseHeaders): boolean {
  const tokens = [...listOf(headers.connection), ...listOf(headers['proxy-connection'])];
  if (tokens.includes('close')) return true;
  const encodings = listOf(headers['transfer-encoding']);
  return encodings.length === 0 ? headers['content-length'] === undefined : encodings.at(-1) !== 'chunked';
}

function listOf(value: string | string[] | undefined): string[] {
  const tokens = [value ?? []].flat().join(',').toLowerCase().split(',');
  return tokens.map((token) => token.trim()).filter((token) => token !== '');
}

export class ValveFlow implements Flow {
  readonly #valve: Valve;
  readonly #listener: FlowListener;
  #isPaused = false;
  #isClosed = false;
  #isOver = false;

  constructor(valve: Valve, listener: FlowListener) {
    this.#valve = valve;
    this.#listener = listener;
  }

  pause(): void {
    if (this.#isPaused || this.#isOver) return;
    // Still closed: resume() was called a moment ago and its opening is under way.
    const refusal = this.#isClosed ? undefined : this.#valve.close();
    if (refusal !== undefined) {
      this.#listener.refused(refusal);
      return;
    }
    this.#isClosed = true;
    this.#isPaused = true;
    this.#listener.pausing();
  }

  resume(): void {
    if (!this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    this.#listener.resuming();
    this.#openSoon();
  }

  /** The response is over, however: a connection that stays must not stay closed. */
  end(): void {
    this.#isOver = true;
    this.#isPaused = false;
    this.#openSoon();
  }

  #openSoon(): void {
    // Invariant: a connection is never woken from inside the data callback of another one, which undici asserts on.
    queueMicrotask(() => {
      if (this.#isPaused || !this.#isClosed) return;
      this.#isClosed = false;
      this.#valve.open();
    });
  }
}
