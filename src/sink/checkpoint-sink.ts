/**
 * The file end of the pipeline: a Writable of placed chunks, in any order. Bytes first, then the record of them, and
 * the name last. Refuses to publish what is not whole, and to touch files that are not its own any more.
 */

import { Writable } from 'node:stream';
import { streamError } from '../abort-error.js';
import { type ByteRange, subtractRanges, totalLength } from '../byte-range.js';
import { CheckpointError } from '../errors.js';
import { followAbort } from '../follow-abort.js';
import { chunkProblem, type PlacedChunk } from '../part.js';
import { sleep } from '../time.js';
import type { CrcAlgorithm } from '../verify/crc-algorithm.js';
import { closeFiles } from './close-files.js';
import { Fence } from './fence.js';
import { GroupCommit } from './group-commit.js';
import { removeJournal } from './journal-file.js';
import { removeLeftovers } from './leftovers.js';
import type { CheckpointSinkContext } from './open-checkpoint.js';
import { finishPublishing, publishFile } from './publish-file.js';
import { readBack } from './read-back.js';
import { readProven, recheckBlocks } from './recheck-blocks.js';
import { WriteQueue } from './write-queue.js';

/** Chunks that may wait in front of the write queue. */
const QUEUED_CHUNKS = 16;

/**
 * A Writable of `PlacedChunk`s in object mode. It stays open after `finish`: only {@link publish}, {@link close} or
 * `destroy()` end it. An 'error' that nobody listens for ends no process: every method rejects with it from then on.
 */
export class CheckpointSink extends Writable {
  /** Absolute path of the destination. */
  readonly path: string;
  /** The bytes of the object that the file is to hold. */
  readonly range: ByteRange;
  /** The CRC of the blocks; for a resumed file the one that it began with. */
  readonly checksumAlgorithm: CrcAlgorithm;
  readonly #context: CheckpointSinkContext;
  readonly #commit: GroupCommit;
  readonly #fence: Fence;
  readonly #queue: WriteQueue;
  readonly #ending = new AbortController();
  #unfollowLock: () => void = () => {};
  #unfollowSignal: () => void = () => {};
  #isPublished: boolean;
  #publishing: Promise<void> | undefined;
  #publish: Promise<void> | undefined;

  /** @internal `openCheckpointSink` makes one. */
  constructor(context: CheckpointSinkContext) {
    super({ objectMode: true, highWaterMark: QUEUED_CHUNKS, autoDestroy: false });
    this.path = context.destination.path;
    this.range = context.range;
    this.checksumAlgorithm = context.ledger.crc.algorithm;
    this.#context = context;
    this.#isPublished = context.isPublished;
    this.#fence = new Fence(context);
    this.#commit = new GroupCommit({
      ...context,
      checkFence: () => this.#fence.check(),
      onRecorded: (recordedBytes) => context.onCheckpointed?.(recordedBytes),
      onFailure: (error) => this.destroy(error as Error),
    });
    this.#queue = new WriteQueue({
      ...context,
      signal: this.#ending.signal,
      onWritten: (byteCount) => this.#commit.noteWritten(byteCount),
      onFailure: (error) => this.destroy(error as Error),
    });
    this.on('error', () => undefined);
    this.#unfollowLock = followAbort(context.lock.compromised, () => {
      this.#fence.break();
      this.destroy(context.lock.compromised.reason);
    });
    this.#unfollowSignal = followAbort(context.signal, () => this.destroy(streamError(context.signal?.reason)));
  }

  /** The bytes of the object that are recorded: what another process could go on from. */
  get completed(): ByteRange[] {
    return this.#inObject(this.#context.ledger.recorded());
  }

  /** The bytes of the object that were not written yet. */
  missing(): ByteRange[] {
    return subtractRanges(this.range, this.#inObject(this.#context.ledger.written()));
  }

  /**
   * Compares the blocks of an earlier process with the disk, while other bytes are being written. Resolves with the
   * ranges (of the object) that are damaged and have to be fetched again; none when all is well. They are recorded no more.
   */
  async recheck(signal?: AbortSignal): Promise<ByteRange[]> {
    const { part, ledger } = this.#context;
    this.#ending.signal.throwIfAborted();
    const signals = [this.#ending.signal, ...(signal === undefined ? [] : [signal])];
    const damaged = await recheckBlocks(part, ledger, AbortSignal.any(signals));
    if (damaged.length > 0) await this.#commit.recordAgain();
    return this.#inObject(damaged);
  }

  /** The CRC of the whole range in {@link checksumAlgorithm}, once everything was written. */
  combinedCrc(): bigint | undefined {
    return this.#context.ledger.combinedCrc();
  }

  /** Reads the whole file once, in order. The bytes are valid until `onBytes` returns or its promise settles. */
  async readBack(onBytes: (bytes: Uint8Array) => void | Promise<void>): Promise<void> {
    await this.flush();
    await readBack(this.#context.part, this.#ending.signal, onBytes);
  }

  /** Bytes of the object that an earlier process left, compared with their CRCs; undefined when they have to be fetched. */
  async readRecorded({ start, end }: ByteRange): Promise<Buffer | undefined> {
    const { part, ledger, range } = this.#context;
    return await readProven(part, ledger, { start: start - range.start, end: end - range.start });
  }

  /** Ends the sink and removes what it wrote: nobody needs it any more. What cannot be removed stays; never rejects. */
  async discard(): Promise<void> {
    this.#unfollowSignal();
    const { ops, lock, destination } = this.#context;
    try {
      await this.flush();
      await this.#fence.check();
      await removeLeftovers(destination, lock, ops);
    } catch {
      // The next download of this destination removes it.
    }
    this.#fence.break();
    await this.close();
  }

  /** Resolves when all chunks given so far are written and recorded. */
  async flush(): Promise<void> {
    this.#ending.signal.throwIfAborted();
    while (this.writableCorked > 0) this.uncork();
    for (;;) {
      await this.#queue.drain();
      this.#ending.signal.throwIfAborted();
      if (this.writableLength === 0) break;
      // Chunks still wait in front of the queue, which takes them in a later turn.
      await sleep(0);
    }
    await this.#commit.record();
  }

  /** Forgets everything that was written, in this process and for the next: the bytes turned out to be wrong. */
  async reset(): Promise<void> {
    await this.flush();
    const { ledger, ops, destination, isPublished } = this.#context;
    ledger.clear();
    await this.#commit.forget();
    // Nothing can be written into a published file; the next process makes a new one.
    if (isPublished && destination.checkpointPath !== undefined) await removeJournal(ops, destination.checkpointPath);
  }

  /**
   * Gives the complete file its name, durably, and removes the checkpoint and the lock. Then the sink is closed. When it
   * fails for another reason than missing bytes, the sink is closed, too, and another process can go on. A call while
   * another one is under way settles with that.
   * @throws {CheckpointError} when bytes are missing; they can still be written, unless the sink was ended
   * @throws {DestinationError} when `overwrite` is false and the destination appeared in the meantime
   * @throws {DiskError} when the disk fails
   * @throws {LockedError} when the lock was lost
   */
  publish(): Promise<void> {
    // Of two at a time each would find that the other has moved its files.
    this.#publish ??= this.#publishWhole().finally(() => {
      this.#publish = undefined;
    });
    return this.#publish;
  }

  async #publishWhole(): Promise<void> {
    try {
      await this.flush();
      await this.recheck();
      const missing = totalLength(this.missing());
      if (missing > 0) throw new CheckpointError(this.path, `${missing} bytes are missing`);
    } catch (error) {
      if (this.destroyed) await this.close();
      throw error;
    }
    const checks = { checkFence: () => this.#fence.check(), checkLock: () => this.#context.lock.check() };
    const given = { ...this.#context, ...checks, commit: this.#commit, signal: this.#ending.signal };
    this.#publishing = (this.#isPublished ? finishPublishing : publishFile)(given).then(() => {
      this.#isPublished = true;
    });
    await this.#publishing.finally(() => this.close());
  }

  /** Ends the sink and keeps what is needed to go on later. Resolves when all files are closed. */
  async close(): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve) => {
      this.once('close', resolve);
      this.destroy();
    });
  }

  override _write(chunk: PlacedChunk, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const problem = chunkProblem(chunk);
    const written = problem === undefined ? this.#queue.add(chunk) : Promise.reject(problem);
    written.then(
      () => callback(),
      (error: Error) => this.#fail(error, callback),
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.flush().then(
      () => callback(),
      (error: Error) => this.#fail(error, callback),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#context.lock.leave();
    const { signal } = this.#context;
    const reason = signal?.aborted ? signal.reason : (error ?? new CheckpointError(this.path, 'the sink was closed'));
    this.#ending.abort(reason);
    this.#shutDown().then(
      () => callback(error),
      (second: Error) => callback(error ?? second),
    );
  }

  async #shutDown(): Promise<void> {
    this.#unfollowLock();
    this.#unfollowSignal();
    await this.#queue.drain();
    this.#queue.end();
    await this.#publishing?.catch(() => undefined);
    const isPublished = this.#isPublished;
    await closeFiles({ ...this.#context, commit: this.#commit, fence: this.#fence, isPublished });
  }

  /** Without `autoDestroy` an error that only reaches the callback would leave the files open. */
  #fail(error: Error, callback: (error: Error) => void): void {
    this.destroy(error);
    callback(error);
  }

  #inObject(ranges: readonly ByteRange[]): ByteRange[] {
    return ranges.map(({ start, end }) => ({ start: start + this.range.start, end: end + this.range.start }));
  }
}
