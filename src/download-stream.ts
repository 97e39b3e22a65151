/**
 * The verb for streams: discover > plan > fetch > reassemble. A Readable of the object's bytes in order; it ends only
 * after the last byte was verified.
 */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createDeferred } from './deferred.js';
import {
  announceVerification,
  type Download,
  discover,
  finishDownload,
  plan,
  planChecks,
  startDownload,
} from './download.js';
import type { DownloadStreamOptions } from './download-options.js';
import type { DownloadResult } from './download-result.js';
import type { DownloadEvents } from './events.js';
import { createFetchStream } from './fetch-parts.js';
import type { ObjectInfo } from './object-info.js';
import { type CheckedOptions, checkOptions } from './options.js';
import { createReassembler } from './order/reassembler.js';
import { startProgressMeter } from './progress-meter.js';
import { asSource } from './source/as-source.js';
import type { ObjectSource } from './source/source.js';
import { createOrderedVerifier } from './verify/ordered-verifier.js';

/** The object's bytes, in order. */
export interface DownloadStream extends Readable {
  /** Settles once the object is discovered; looking at it starts the download. */
  readonly object: Promise<ObjectInfo>;
  /** Settles when the last byte was delivered and verified; rejects when the stream is destroyed before that. */
  readonly result: Promise<DownloadResult>;
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
  return new OrderedDownload(asSource(source), checkOptions('stream', options));
}

class OrderedDownload extends Readable implements DownloadStream {
  readonly #download: Download;
  readonly #object = createDeferred<ObjectInfo>();
  readonly #result = createDeferred<DownloadResult>();
  #isStarted = false;
  #wantMore = () => {};

  constructor(source: ObjectSource, options: CheckedOptions) {
    super({ highWaterMark: 64 * 1024 });
    this.#download = startDownload(source, options);
    const { signal } = options;
    const onAbort = () => this.destroy(signal?.reason);
    if (signal?.aborted) process.nextTick(onAbort);
    else signal?.addEventListener('abort', onAbort, { once: true });
    this.once('close', () => signal?.removeEventListener('abort', onAbort));
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
    this.#wantMore();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { context } = this.#download;
    const reason = error ?? prematureClose();
    if (!this.readableEnded) {
      context.emit('failed', { error: reason });
      this.#object.reject(reason);
      this.#result.reject(reason);
    }
    context.close(reason);
    this.#wantMore();
    done(error);
  }

  #start(): void {
    if (this.#isStarted || this.destroyed) return;
    this.#isStarted = true;
    this.#run().catch((error) => this.destroy(error));
  }

  async #run(): Promise<void> {
    const { context } = this.#download;
    context.signal.throwIfAborted();
    const opening = await discover(context);
    this.#object.resolve(opening.object);
    const verifier = await createOrderedVerifier(planChecks(context, opening));
    const parts = plan(context, opening);
    const { binding, wanted } = opening;
    let deliveredBytes = 0;
    const meter = startProgressMeter(
      {
        transferredBytes: () => context.counters.transferredBytes,
        completedBytes: () => deliveredBytes,
        totalBytes: () => Math.min(wanted.end, opening.object.size) - wanted.start,
      },
      (progress) => context.emit('progress', progress),
    );
    try {
      await pipeline(
        createFetchStream({ context, binding, parts, opening }),
        createReassembler(wanted),
        async (chunks: AsyncIterable<Buffer>) => {
          for await (const chunk of chunks) {
            verifier.update(chunk);
            deliveredBytes += chunk.length;
            if (!this.push(chunk)) await this.#nextRead();
          }
        },
        { signal: context.signal },
      );
      // Invariant: a stream ends only after every byte was verified; a wrong one destroys it instead.
      const verification = announceVerification(context, verifier.finish());
      meter.finish();
      this.once('end', () => {
        const range = { start: wanted.start, end: wanted.start + deliveredBytes };
        this.#result.resolve(finishDownload(this.#download, { object: opening.object, range, verification }));
      });
      this.push(null);
    } finally {
      meter.stop();
    }
  }

  #nextRead(): Promise<void> {
    return new Promise((resolve) => {
      this.#wantMore = resolve;
    });
  }
}

function prematureClose(): Error {
  return Object.assign(new Error('the stream was destroyed before its end'), { name: 'AbortError', code: 'ABORT_ERR' });
}
