/**
 * A net or tls socket as undici sees it: a Duplex whose reads land in slabs. Holding it stops the socket BELOW undici's
 * parser, which itself is never paused: a paused parser that meets FIN throws where nobody can catch. The end and the
 * failure of the connection come after the data that came before them.
 */

import type { OnReadOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createSlabFeed, endRead, type SlabFeed } from './slab.js';

const FIRST_READ_BYTES = 64 * 1024;
/** Reading stops while so much waits for the parser. */
const MAX_WAITING_BYTES = 256 * 1024;

/** The writing side of a stream calls back with this. */
type Done = (error?: Error | null) => void;

export class SlabSocket extends Duplex {
  #requestCount = 0;
  /** The most that one read may bring. Small for the first one, which comes before anybody could say. */
  #maxReadBytes: number | undefined = FIRST_READ_BYTES;
  readonly #inner: Socket;
  readonly #feed: SlabFeed;
  readonly #gathers: boolean;
  /** What the parser was given last. */
  #parsing: Buffer | undefined;
  #isAnnounced = false;
  #held = false;
  /** Nothing is read from the network until the parser has taken what waits. */
  #isStopped = false;
  #ended = false;
  /** Set when the connection is over for a reason other than FIN: applied once everything read before it was taken. */
  #failure: { error: Error | undefined } | undefined;

  /**
   * @param open - opens the socket with these read options.
   * @param minRoomBytes - see {@link createSlabFeed}.
   * @param gathers - reads are small, like the records of TLS: those of one turn of the loop are handed on together.
   */
  constructor(open: (onread: OnReadOpts) => Socket, minRoomBytes: number, gathers: boolean = false) {
    super({ allowHalfOpen: false, decodeStrings: false });
    this.#feed = createSlabFeed(minRoomBytes);
    this.#gathers = gathers;
    this.#inner = open({
      buffer: () => this.#feed.room(this.#maxReadBytes),
      callback: (byteCount) => this.#onRead(byteCount),
    });
    this.#inner
      .on('end', () => {
        this.#ended = true;
        this.push(null);
      })
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(undefined));
  }

  /** Requests that were sent on this connection. */
  get requestCount(): number {
    return this.#requestCount;
  }

  /** A request is sent on it; of the response one read may bring `maxReadBytes`. */
  carry(maxReadBytes?: number): void {
    this.#requestCount += 1;
    this.#maxReadBytes = maxReadBytes;
  }

  /** Stops reading from the network. What was read before waits here. */
  hold(): void {
    this.#held = true;
    this.#inner.pause();
  }

  /** Reads again. Not to be called from inside a data callback of another connection: defer it. */
  letGo(): void {
    if (!this.#held || this.destroyed) return;
    this.#held = false;
    this.#isStopped = false;
    this.#inner.resume();
    // undici looks only when told; harmless when there is nothing to take.
    this.emit('readable');
  }

  /** Bytes that wait for the parser. */
  get waitingBytes(): number {
    return this.#feed.waitingBytes;
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#inner.unref();
  }

  /** All neighbouring reads that wait, as one view; nothing is copied, and nothing is kept by the Duplex itself. */
  override read(): Buffer | null {
    // Invariant: a held connection gives nothing to the parser, and its FIN waits too, so the parser is never paused.
    if (this.#held) return null;
    // Invariant: bytes are over for the parser only when it asks for the next ones.
    if (this.#parsing !== undefined) endRead(this.#parsing);
    this.#parsing = this.#feed.take();
    if (this.#parsing !== undefined) return this.#parsing;
    if (this.#isStopped) this.#inner.resume();
    this.#isStopped = false;
    if (this.#failure !== undefined) this.#destroySoon();
    // Gives no bytes, but tells about the end.
    return super.read();
  }

  override _read(): void {}

  override _write(chunk: string | Buffer, encoding: BufferEncoding, done: Done): void {
    // A failed write is also an 'error' of the socket, and that one waits until the data before it was taken.
    this.#inner.write(chunk, encoding, () => done());
  }

  override _final(done: Done): void {
    this.#inner.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#feed.close();
    this.#inner.destroy();
    done(error);
  }

  /** @returns false to stop reading from the network. */
  #onRead(byteCount: number): boolean {
    this.#feed.filled(byteCount);
    this.#announce();
    this.#isStopped = this.#held || this.#feed.waitingBytes >= MAX_WAITING_BYTES;
    return !this.#isStopped;
  }

  #announce(): void {
    if (!this.#gathers) this.emit('readable');
    else if (!this.#isAnnounced) {
      this.#isAnnounced = true;
      setImmediate(() => {
        this.#isAnnounced = false;
        if (!this.destroyed) this.emit('readable');
      });
    }
  }

  #fail(error: Error | undefined): void {
    // After FIN the end of the stream does the rest.
    if (this.#failure !== undefined || (this.#ended && error === undefined)) return;
    this.#failure = { error };
    if (this.#feed.waitingBytes === 0) this.#destroySoon();
  }

  #destroySoon(): void {
    // A turn later: what was just taken is parsed first.
    process.nextTick(() => this.destroy(this.#failure?.error));
  }
}
