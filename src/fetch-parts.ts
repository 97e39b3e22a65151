/**
 * The fetch station as a stream: parts in, placed chunks out, in any order. Joins the planner's pieces, the byte budget
 * and the scheduler. Nothing is requested before the first read; destroying it ends every request at once.
 */

import { Readable } from 'node:stream';
import { streamError } from './abort-error.js';
import { byteLength } from './byte-range.js';
import { createDeferred, type Deferred } from './deferred.js';
import { DEFAULT_PART_SIZE, type DownloadOptions, MIN_PART_SIZE } from './download-options.js';
import { InvalidOptionError, ObjectChangedError } from './errors.js';
import { type FetchContext, openFetchContext } from './fetch/fetch-context.js';
import { fetchPieces, type OpeningWork, type ReadLocal } from './fetch/fetch-scheduler.js';
import { bindObject, mayJoin, type ObjectBinding } from './fetch/object-binding.js';
import type { Opening } from './fetch/opening.js';
import type { DeliverBytes } from './fetch/part-fetcher.js';
import type { ObjectInfo } from './object-info.js';
import { refuse } from './option-checks.js';
import { checkOptions } from './options.js';
import { createReadAheadWindow, type ReadAheadWindow } from './order/read-ahead-window.js';
import type { Part, PlacedChunk } from './part.js';
import { cutPieces, pieceBytesFor } from './plan/request-planner.js';
import { silentOnceDestroyed } from './silent-once-destroyed.js';
import { asSource } from './source/as-source.js';
import type { ObjectSource } from './source/source.js';
import { recycleBytes } from './transport/slab.js';

/**
 * Fetches `parts` of a discovered object in parallel, as {@link PlacedChunk}s in any order. Parts are requested in the
 * order given, within a budget of `bufferBytes` that chunks give back with `release()`.
 *
 * @param object - from {@link discoverObject}: every response has to be of this very version
 * @param parts - from {@link planParts}, ascending
 * @param options - those of every download, but for what only a whole download can keep: `range` and `conditions` are
 *   said by `parts` and `object`, and chunks in any order are not verified
 * @throws InvalidOptionError for a wrong option, source, object or part
 * @example pipeline(fetchParts(source, object, parts), createReassembler(range), process.stdout)
 */
export function fetchParts(
  source: ObjectSource | string | URL,
  object: ObjectInfo,
  parts: readonly Part[],
  options?: DownloadOptions,
): Readable {
  const planned = checkParts(parts, object);
  const largest = Math.min(
    planned.reduce((most, part) => Math.max(most, byteLength(part)), 0),
    DEFAULT_PART_SIZE * 1024,
  );
  checkKeepable(options);
  const checked = checkOptions('block', { partSize: Math.max(largest, MIN_PART_SIZE), ...options });
  const context = openFetchContext(asSource(source), checked);
  const binding = bindObject(object);
  const pieces = cutPieces(planned, pieceBytesFor(context.options));
  pieces.next();
  const isOneRequest = pieces.next().done === true;
  if (!isOneRequest && !mayJoin(context, binding)) {
    context.close();
    throw new InvalidOptionError(
      'allowUnvalidated',
      'the object has no strong ETag, so parts could come from two versions; true permits it',
    );
  }
  return createFetchStream({
    context,
    binding,
    parts: planned,
    isPublic: true,
    onClose: (error) => context.close(error),
  });
}

export interface FetchStreamSetup {
  readonly context: FetchContext;
  readonly binding: ObjectBinding;
  /** Ascending. Iterated more than once. */
  readonly parts: Iterable<Part>;
  /** The response that discovered the object; it brings the first bytes of the first part. */
  readonly opening?: Opening | undefined;
  /** Bytes that need not be fetched; undefined where they do. */
  readonly readLocal?: ReadLocal | undefined;
  readonly onClose?: (error: Error | undefined) => void;
  /** The caller's own code may see the chunks, and keep their bytes: they are copies. */
  readonly isPublic?: boolean;
}

/** The Readable behind {@link fetchParts}. */
export function createFetchStream(setup: FetchStreamSetup): Readable {
  const { isPublic = false } = setup;
  const window = createReadAheadWindow(setup.context.options.bufferBytes);
  let hasStarted = false;
  let wanted: Deferred<void> | undefined;
  /** A promise: whoever reads the stream has enough for now, the disk for example. */
  const push = (chunk: PlacedChunk): Promise<void> | undefined => {
    if (stream.push(chunk)) return undefined;
    wanted ??= createDeferred();
    return wanted.promise;
  };
  const stream = new Readable({
    objectMode: true,
    // The window bounds what is pushed; above this mark connections are held below that bound.
    highWaterMark: 1,
    read() {
      wanted?.resolve();
      wanted = undefined;
      if (hasStarted) return;
      hasStarted = true;
      fetchInto(push, setup, window).then(
        () => stream.push(null),
        (error) => {
          if (isPublic && error instanceof ObjectChangedError) {
            setup.context.announceChange(error.expectedEtag, error.actualEtag);
          }
          stream.destroy(streamError(error));
        },
      );
    },
    destroy(error, done) {
      setup.onClose?.(error ?? undefined);
      done(error);
    },
  });
  return silentOnceDestroyed(stream);
}

async function fetchInto(
  push: (chunk: PlacedChunk) => Promise<void> | undefined,
  { context, binding, parts, opening, readLocal, isPublic = false }: FetchStreamSetup,
  window: ReadAheadWindow,
): Promise<void> {
  const { signal } = context;
  // Invariant: a caller's dispatcher is never paused for want of a reader: what it brings was reserved.
  const holds = context.options.dispatcher === undefined;
  const deliver: DeliverBytes = (offset, bytes) => {
    const ready = push(isPublic ? placeOwn(offset, bytes, window) : placeChunk(offset, bytes, window));
    return holds ? ready : undefined;
  };
  /** Bytes that nobody reserved: taken as they come, and the connection is held while the window is full. */
  const deliverUnreserved: DeliverBytes = (offset, bytes) => {
    window.take(bytes.length);
    const ready = deliver(offset, bytes);
    return window.isFull ? window.acquire(1, signal).then(() => window.release(1)) : ready;
  };
  const isSequential = opening?.mode === 'sequential';
  await fetchPieces(context, binding, {
    // A sequential opening brings everything.
    pieces: cutPieces(isSequential ? [] : parts, pieceBytesFor(context.options), opening?.range.end),
    acquire: (byteCount) => window.acquire(byteCount, signal),
    deliver,
    readLocal,
    opening: opening && openingWork(opening, parts, isSequential ? deliverUnreserved : deliver, window),
  });
}

/** What the opening brings is the beginning of the first part; undefined when there is no part. */
function openingWork(
  opening: Opening,
  [part]: Iterable<Part>,
  deliver: DeliverBytes,
  window: ReadAheadWindow,
): OpeningWork | undefined {
  if (part === undefined) return undefined;
  const byteCount = byteLength(opening.range);
  const run = () => opening.deliverTo(deliver, part);
  if (opening.mode === 'sequential') return { part, piece: undefined, byteCount, run };
  window.take(byteCount);
  return { part, piece: opening.piece, byteCount, run };
}

/** A chunk for code of others, which may keep its bytes or transfer their memory. */
function placeOwn(offset: number, bytes: Buffer, window: ReadAheadWindow): PlacedChunk {
  // Invariant: the memory of a chunk that code of others may have seen is never read into again.
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  recycleBytes(bytes);
  return { offset, bytes: own, release: releasing(bytes.length, window) };
}

function placeChunk(offset: number, bytes: Buffer, window: ReadAheadWindow): PlacedChunk {
  let isRecycled = false;
  const release = releasing(bytes.length, window);
  return {
    offset,
    bytes,
    release,
    recycle() {
      release();
      if (isRecycled) return;
      isRecycled = true;
      recycleBytes(bytes);
    },
  };
}

function releasing(byteCount: number, window: ReadAheadWindow): () => void {
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    window.release(byteCount);
  };
}

/** Refuses options that would be broken in silence. */
function checkKeepable(options: DownloadOptions | undefined): void {
  if (options?.range !== undefined) refuse('range', options.range, 'none here: `parts` say which bytes are fetched');
  if (options?.conditions !== undefined) {
    refuse('conditions', options.conditions, 'none here: every response has to be of the version that `object` is');
  }
  for (const option of ['expectedChecksum', 'verify'] as const) {
    const value = options?.[option];
    if (value === undefined || value === 'auto' || value === 'off') continue;
    refuse(option, value, 'none here: bytes in any order are not verified; downloadFile and createDownloadStream are');
  }
}

/** A copy: what is done to the caller's array later changes nothing. Two plans given one after the other become one. */
function checkParts(parts: readonly Part[], object: ObjectInfo): Part[] {
  if (!Number.isSafeInteger(object?.size) || typeof (object.headers ?? undefined) !== 'object') {
    refuse('object', object, 'what discoverObject() gives, its size known');
  }
  if (!Array.isArray(parts)) refuse('parts', parts, 'what planParts() returns');
  let end = 0;
  // Array.from: map() leaves the holes of an array alone.
  return Array.from(parts, (part: Part | undefined, index) => {
    const { start = Number.NaN, end: partEnd = Number.NaN } = part ?? {};
    const isAscending = Number.isSafeInteger(start) && Number.isSafeInteger(partEnd) && start >= end;
    if (!isAscending || partEnd <= start || partEnd > object.size) {
      refuse('parts', part?.start, `parts in ascending order within the ${object.size} bytes of the object`);
    }
    end = partEnd;
    return { index, start, end };
  });
}
