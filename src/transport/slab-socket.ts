/**
 * A net or tls socket as undici sees it: a Duplex whose reads land in slabs. Holding it stops the socket BELOW undici's
 * parser, which itself is never paused: a paused parser that meets FIN throws where nobody can catch. The end and the
 * failure of the connection come after the data that came before them.
 */

import type { OnReadOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createSlabFeed, endRead, SLAB_BYTES } from './slab.js';

/** The writing side of a stream calls back with this. */
type Done = (error?: Error | null) => void;

export class SlabSocket extends Duplex {
  /** Requests that were sent on this connection. */
  requestCount = 0;
  readonly #inner: Socket;
  /** Reads that wait here, and those that the parser was given last. */
  #waiting: Buffer[] = [];
  #parsing: Buffer[] = [];
  #held = false;
  #ended = false;
  /** Set when the connection is over for a reason other than FIN: applied once everything read before it was taken. */
  #failure: { error: Error | undefined } | undefined;

  /**
   * @param open - opens the socket with these read options.
   * @param minRoomBytes - see {@link createSlabFeed}.
   */
  constructor(open: (onread: OnReadOpts) => Socket, minRoomBytes: number) {
    // Two slabs: one read can fill a whole slab, and reading should not stop and start between two turns of the loop.
    super({ allowHalfOpen: false, decodeStrings: false, readableHighWaterMark: 2 * SLAB_BYTES });
    const feed = createSlabFeed(minRoomBytes);
    this.#inner = open({
      buffer: () => feed.room(),
      callback: (byteCount) => this.#onRead(feed.take(byteCount)),
    });
    this.#inner
      .on('end', () => {
        this.#ended = true;
        this.push(null);
      })
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(undefined));
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
    this.#inner.resume();
    // undici looks only when told; harmless when there is nothing to take.
    this.emit('readable');
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#inner.unref();
  }

  override read(size?: number): Buffer | null {
    // Invariant: a held connection gives nothing to the parser, and its FIN waits too, so the parser is never paused.
    if (this.#held) return null;
    // Invariant: a read is over for the parser only when it asks for the next one.
    for (const read of this.#parsing.splice(0)) endRead(read);
    const chunk = super.read(size) as Buffer | null;
    // Whatever waits comes at once.
    if (chunk !== null) [this.#parsing, this.#waiting] = [this.#waiting, this.#parsing];
    if (this.#failure !== undefined) this.#destroyOnceDrained();
    return chunk;
  }

  override _read(): void {
    if (!this.#held) this.#inner.resume();
  }

  override _write(chunk: string | Buffer, encoding: BufferEncoding, done: Done): void {
    // A failed write is also an 'error' of the socket, and that one waits its turn behind the data.
    this.#inner.write(chunk, encoding, () => done());
  }

  override _final(done: Done): void {
    this.#inner.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#inner.destroy();
    done(error);
  }

  /** @returns false to stop reading from the network. */
  #onRead(chunk: Buffer): boolean {
    this.#waiting.push(chunk);
    const wantsMore = this.push(chunk);
    return wantsMore && !this.#held;
  }

  #fail(error: Error | undefined): void {
    // After FIN the end of the stream does the rest.
    if (this.#failure !== undefined || (this.#ended && error === undefined)) return;
    this.#failure = { error };
    this.#destroyOnceDrained();
  }

  #destroyOnceDrained(): void {
    if (this.readableLength > 0) return;
    // A turn later: the chunk just taken is parsed first.
    process.nextTick(() => this.destroy(this.#failure?.error));
  }
}
