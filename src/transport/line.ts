/**
 * One connection at a time of a pool, with the request on it: an undici Client that tells the sender which connection
 * carries its request, so that the sender can hold it below undici's parser or give up connecting.
 */

import { Client, type Dispatcher, errors } from 'undici';
import type { Connector, ConnectTarget } from './connector.js';
import type { SlabSocket } from './slab-socket.js';

/** Put into the dispatch options: called during `dispatch()` with the line that takes the request. */
export const takenBy: unique symbol = Symbol('partstream.takenBy');

export interface LineDispatchOptions extends Dispatcher.DispatchOptions {
  readonly [takenBy]?: (line: Line) => void;
}

/** The connection of a line; shared with the connect function, which undici wants before the Line exists. */
interface Slot {
  socket: SlabSocket | undefined;
  isConnecting: boolean;
}

export class Line extends Client {
  readonly #slot: Slot;

  constructor(origin: URL, options: Client.Options, connector: Connector) {
    const slot: Slot = { socket: undefined, isConnecting: false };
    const connect = (target: ConnectTarget, settle: (error: Error | null, socket: SlabSocket) => void) => {
      const opened = connector(target, (error, socket) => {
        slot.isConnecting = false;
        settle(error, socket);
      });
      // Settled in a later turn at the earliest.
      slot.isConnecting = true;
      slot.socket = opened;
      opened.once('close', () => {
        if (slot.socket === opened) slot.socket = undefined;
      });
    };
    // undici asks for a net.Socket; what it uses of it is a Duplex with ref() and unref().
    super(origin, { ...options, connect: connect as unknown as NonNullable<Client.Options['connect']> });
    this.#slot = slot;
  }

  /** The connection that is up, or the one being opened. */
  get socket(): SlabSocket | undefined {
    return this.#slot.socket;
  }

  /** Stops connecting, if it does. undici itself would let an aborted request wait for the connection. */
  stopConnecting(): void {
    if (this.#slot.isConnecting) this.drop();
  }

  /** Destroys the connection, and with it the request on it. Aborting in undici's way opens another one for nobody. */
  drop(): void {
    // A SocketError, because undici takes it for a matter of this connection and leaves requests that wait alone.
    this.#slot.socket?.destroy(new errors.SocketError('the exchange was given up'));
  }

  /**
   * Calls back when this line can take the next request. undici frees it in the turn of the loop after the end of a
   * response; who sends again before that is given another connection.
   */
  whenFree(run: () => void): void {
    setImmediate(() => setImmediate(run));
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (options as LineDispatchOptions)[takenBy]?.(this);
    return super.dispatch(options, handler);
  }
}
