/**
 * Takes chunks to the disk: neighbours are gathered into spans, spans are written while their bytes are still in the
 * processor's cache, few at a time, and the CRC of what was written goes to the ledger. Refuses chunks outside the range.
 */

import type { ByteRange } from '../byte-range.js';
import { type PlacedChunk, recycleChunk } from '../part.js';
import { after, type Timer } from '../time.js';
import { TurnBudget } from '../turn-budget.js';
import type { BlockLedger } from './block-ledger.js';
import type { PartFile } from './part-file.js';
import { bytesOf, touchingRuns, WriteSpan } from './write-span.js';

export interface WriteTarget {
  readonly part: PartFile;
  readonly ledger: BlockLedger;
  /** The bytes of the object that the file is to hold. */
  readonly range: ByteRange;
  /** Once it is aborted no write begins. */
  readonly signal: AbortSignal;
  onWritten(byteCount: number): void;
  /** A write failed. */
  onFailure(error: unknown): void;
}

/** Three keep a disk busy, and leave one of libuv's four threads to others. */
const WRITES_IN_FLIGHT = 3;
/** A span is written when it reaches the next multiple of this in the file: the end of a part is one, as a rule. */
const WRITE_BYTES = 1024 * 1024;
/** While the disk is slow, neighbours are written together up to this; no write then takes long. */
const MAX_SPAN_BYTES = 8 * 1024 * 1024;
const MAX_SPAN_CHUNKS = 512;
/** How often spans that do not grow any more are looked for, and how many looks a growing one may wait. */
const LOOK_EVERY_MS = 2;
const MAX_LOOKS = 10;
/** A slow CRC takes no more than this of one turn of the event loop. */
const CRC_TURN_MS = 4;
/** When this much waits for the disk, whoever sends is told to stop. It also bounds what one turn of the loop reads. */
const MAX_HELD_BYTES = 24 * 1024 * 1024;

export class WriteQueue {
  readonly #target: WriteTarget;
  /** Spans that still grow, and those that are to be written next, each in the order of their beginnings in time. */
  readonly #growing: Set<WriteSpan> = new Set();
  readonly #ready: Set<WriteSpan> = new Set();
  /** Both of them, by the offset at which a chunk would continue them. */
  readonly #byEnd: Map<number, WriteSpan> = new Map();
  readonly #turn: TurnBudget = new TurnBudget(CRC_TURN_MS);
  #inFlight = 0;
  #heldBytes = 0;
  #timer: Timer | undefined;
  #waiters: { readonly isOver: () => boolean; readonly resolve: () => void }[] = [];

  constructor(target: WriteTarget) {
    this.#target = target;
  }

  /** Takes a chunk, which is released once its bytes were written. Resolves when the next one may come. */
  async add(chunk: PlacedChunk): Promise<void> {
    const { start: origin, end: limit } = this.#target.range;
    const { offset, bytes } = chunk;
    if (!(offset >= origin && offset + bytes.length <= limit)) {
      throw new RangeError(`a chunk of ${bytes.length} bytes at ${offset} is outside the bytes ${origin}-${limit}`);
    }
    const start = offset - origin;
    const before = this.#byEnd.get(start);
    const span = before ?? new WriteSpan(start);
    if (before === undefined) this.#growing.add(span);
    else this.#byEnd.delete(start);
    span.add(chunk);
    this.#heldBytes += bytes.length;
    const isFull = span.byteCount >= MAX_SPAN_BYTES || span.chunks.length >= MAX_SPAN_CHUNKS;
    if (!isFull) this.#byEnd.set(span.end, span);
    const isAtMultiple = Math.floor(span.start / WRITE_BYTES) !== Math.floor(span.end / WRITE_BYTES);
    if (isFull || isAtMultiple || span.end === limit - origin) this.#makeReady(span);
    else if (this.#heldBytes >= MAX_HELD_BYTES) this.#makeAllReady();
    else this.#timer ??= after(LOOK_EVERY_MS, () => this.#look());
    if (this.#heldBytes >= MAX_HELD_BYTES) await this.#until(() => this.#heldBytes < MAX_HELD_BYTES);
  }

  /** Resolves when everything was written and released, or the target's signal was aborted and no write is going on. */
  async drain(): Promise<void> {
    const { signal } = this.#target;
    do {
      this.#makeAllReady();
      await this.#until(() => this.#inFlight === 0 && (this.#ready.size === 0 || signal.aborted));
    } while (this.#growing.size > 0 && !signal.aborted);
  }

  /** Forgets what was not written. */
  end(): void {
    this.#timer?.stop();
    this.#growing.clear();
    this.#ready.clear();
    this.#byEnd.clear();
  }

  #until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ isOver, resolve }));
  }

  /** Spans at rest are written, and those that grow so slowly that their bytes would wait too long. */
  #look(): void {
    this.#timer = undefined;
    for (const span of this.#growing) if (span.look() === 'at rest' || span.looks >= MAX_LOOKS) this.#makeReady(span);
    if (this.#growing.size > 0) this.#timer = after(LOOK_EVERY_MS, () => this.#look());
  }

  #makeAllReady(): void {
    for (const span of this.#growing) this.#makeReady(span);
  }

  #makeReady(span: WriteSpan): void {
    if (this.#growing.delete(span)) this.#ready.add(span);
    this.#writeNext();
  }

  #writeNext(): void {
    while (this.#inFlight < WRITES_IN_FLIGHT) {
      const [span] = this.#ready;
      // Invariant: once the sink is being destroyed no further write begins.
      if (span === undefined || this.#target.signal.aborted) return;
      this.#ready.delete(span);
      if (this.#byEnd.get(span.end) === span) this.#byEnd.delete(span.end);
      this.#inFlight += 1;
      this.#write(span)
        .catch((error: unknown) => this.#target.onFailure(error))
        .finally(() => {
          this.#inFlight -= 1;
          this.#heldBytes -= span.byteCount;
          this.#writeNext();
          this.#wakeWaiters();
        });
    }
  }

  #wakeWaiters(): void {
    const over = this.#waiters.filter(({ isOver }) => isOver());
    this.#waiters = this.#waiters.filter((waiter) => !over.includes(waiter));
    for (const { resolve } of over) resolve();
  }

  async #write(span: WriteSpan): Promise<void> {
    const { part, ledger, signal, onWritten } = this.#target;
    for (const run of touchingRuns(ledger.claim(span))) {
      signal.throwIfAborted();
      const [start, end] = [run[0]?.start ?? 0, run.at(-1)?.end ?? 0];
      const written = part.write(bytesOf(span, { start, end }), start);
      // Invariant: the CRC is that of the bytes that were handed to the write. Computed while the system writes them.
      const crcs: bigint[] = [];
      // Looked at below, and perhaps only some turns after it failed.
      written.catch(() => {});
      for (const piece of run) crcs.push(await this.#turn.work(() => ledger.crc.of(bytesOf(span, piece))));
      await written;
      for (const [index, piece] of run.entries()) ledger.settle(piece, crcs[index] ?? 0n);
      onWritten(end - start);
    }
    // Invariant: a chunk is released only after its bytes were written.
    for (const chunk of span.chunks) recycleChunk(chunk);
  }
}
