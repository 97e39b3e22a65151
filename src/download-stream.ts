/**
 * The verb for streams: discover > plan > fetch > reassemble. A Readable of the object's bytes in order; it ends only
 * after the last byte was verified.
 */

import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { prematureClose, streamError } from './abort-error.js';
import { createDeferred } from './deferred.js';
import { announceVerification, type Download, finishDownload, startDownload, watchProgress } from './download.js';
import type { DownloadStreamOptions } from './download-options.js';
import type { DownloadResult, Verification } from './download-result.js';
import { ObjectChangedError } from './errors.js';
import type { DownloadEvents } from './events.js';
import { payRateLimit } from './fetch/rate-limit.js';
import type { ObjectInfo } from './object-info.js';
import { type CheckedOptions, checkOptions } from './options.js';
import { createReassembler } from './order/reassembler.js';
import { type OrderedFlow, openOrderedFlow } from './ordered-flow.js';
import { silentOnceDestroyed } from './silent-once-destroyed.js';
import { asSource } from './source/as-source.js';
import type { ObjectSource } from './source/source.js';
import { createOrderedVerifier } from './verify/ordered-verifier.js';

/** The object's bytes, in order. */
export interface DownloadStream extends Readable {
  /** Settles once the object is discovered; looking at it starts the download. */
  readonly object: Promise<ObjectInfo>;
  /** Settles when the last byte was delivered and verified; rejects when the stream is destroyed before that. */
  readonly result: Promise<DownloadResult>;
  /** Those of the option `events`, or its own. */
  readonly events: DownloadEvents;
}

/**
 * Downloads an object in parallel as one stream of its bytes in order, with bounded memory.
 * Nothing is fetched before the first read, pipe() or look at `object`.
 *
 * @param source - obs(), s3(), http(), or a URL
 * @throws InvalidOptionError at once for a wrong option; everything else destroys the stream with a DownloadError
 * @example
 * createDownloadStream('https://example.com/data.tar.gz').pipe(createGunzip()).pipe(tar.extract())
 */
export function createDownloadStream(
  source: ObjectSource | string | URL,
  options?: DownloadStreamOptions,
): DownloadStream {
  return silentOnceDestroyed(new OrderedDownload(asSource(source), checkOptions('stream', options)));
}

class OrderedDownload extends Readable implements DownloadStream {
  readonly #download: Download;
  readonly #object = createDeferred<ObjectInfo>();
  readonly #result = createDeferred<DownloadResult>();
  /** Resolves when the last byte was taken, or the stream destroyed. */
  readonly #over = createDeferred<void>();
  #flow: OrderedFlow | undefined;
  #running: Promise<void> | undefined;
  #finishing: Promise<void> | undefined;
  #isStarted = false;
  #deliveredBytes = 0;
  #wantMore = () => {};

  constructor(source: ObjectSource, options: CheckedOptions) {
    super({ highWaterMark: 64 * 1024 });
    this.#download = startDownload(source, options);
    const { signal } = this.#download.context;
    // Closing the context aborts its signal, too.
    const onAbort = () => options.signal?.aborted && this.destroy(streamError(options.signal.reason));
    if (signal.aborted) process.nextTick(onAbort);
    else signal.addEventListener('abort', onAbort, { once: true });
    this.once('end', () => {
      signal.removeEventListener('abort', onAbort);
      // Invariant: what was delivered and verified has succeeded, whatever happens to the spool from now on.
      this.#finishing = this.#flow?.finish();
      this.#over.resolve();
    });
  }

  get object(): Promise<ObjectInfo> {
    this.#start();
    return this.#object.promise;
  }

  get result(): Promise<DownloadResult> {
    return this.#result.promise;
  }

  get events(): DownloadEvents {
    return this.#download.context.events;
  }

  override _read(): void {
    this.#start();
    const wantMore = this.#wantMore;
    this.#wantMore = () => {};
    // Later: a chunk that is pushed while one is being read would be copied into one piece with it.
    process.nextTick(wantMore);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.readableEnded) {
      const { context } = this.#download;
      const { signal } = context.options;
      const reason = signal?.aborted ? signal.reason : (error ?? prematureClose());
      if (reason instanceof ObjectChangedError) context.announceChange(reason.expectedEtag, reason.actualEtag);
      context.emit('failed', { error: reason });
      this.#object.reject(reason);
      this.#result.reject(reason);
      context.close(reason);
    }
    this.#over.resolve();
    // 'close' comes when a spool's files are closed, so that the next stream finds them free; also those being opened.
    const closed = this.readableEnded || this.#flow === undefined ? this.#running : this.#flow.close();
    Promise.resolve(closed).then(
      () => done(error),
      (second: Error) => done(error ?? second),
    );
  }

  #start(): void {
    if (this.#isStarted || this.destroyed) return;
    this.#isStarted = true;
    this.#running = this.#run().catch((error) => {
      this.#result.reject(error);
      this.destroy(error);
    });
  }

  async #run(): Promise<void> {
    const { context } = this.#download;
    context.signal.throwIfAborted();
    const flow = await openOrderedFlow(context);
    this.#flow = flow;
    try {
      this.#object.resolve(flow.opening.object);
      const verification = await this.#deliver(flow);
      this.push(null);
      await this.#over.promise;
      if (!this.readableEnded) return;
      // Whoever removed all listeners has removed ours, too.
      await (this.#finishing ?? flow.finish());
      const { resumedBytes, opening } = flow;
      const range = { start: opening.wanted.start, end: opening.wanted.start + this.#deliveredBytes };
      const { object } = opening;
      this.#result.resolve(finishDownload(this.#download, { object, range, verification, resumedBytes }));
    } finally {
      await flow.close();
      context.close();
    }
  }

  /** Hands on every byte and checks them on their way. */
  async #deliver({ opening, checks, chunks, distrust }: OrderedFlow): Promise<Verification> {
    const { context } = this.#download;
    const { wanted } = opening;
    const verifier = await createOrderedVerifier(checks);
    const meter = watchProgress(
      this.#download,
      () => this.#deliveredBytes,
      () => Math.min(wanted.end, opening.object.size) - wanted.start,
    );
    try {
      const output = new Writable({
        write: (bytes: Buffer, _encoding, done) => {
          verifier.update(bytes);
          this.#deliveredBytes += bytes.length;
          if (this.push(bytes)) done();
          else this.#wantMore = done;
        },
      });
      // Of an object whose size only its end tells there may be less than was asked for.
      const { size } = opening.object;
      const end = Number.isNaN(size) ? Number.POSITIVE_INFINITY : Math.min(wanted.end, size);
      const ordered = createReassembler({ start: wanted.start, end });
      await pipeline(chunks, ordered, output, { signal: context.signal });
      await payRateLimit(context.rateLimit, context.signal);
      meter.finish();
    } finally {
      meter.stop();
    }
    try {
      // Invariant: a stream ends only after every byte was verified; a wrong one destroys it instead.
      return announceVerification(context, verifier.finish());
    } catch (error) {
      await distrust();
      throw error;
    }
  }
}
