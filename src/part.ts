/** The things that travel through the pipeline: what is to be fetched, and the bytes with their place. */

import type { ByteRange } from './byte-range.js';
import { InvalidOptionError } from './errors.js';

/** A planned range: one unit of fetching. `index` counts from 0 in ascending order of `start`. */
export interface Part extends ByteRange {
  readonly index: number;
}

/** A slice of a part: what one reservation of the buffer budget covers and one ranged GET asks for. */
export interface Piece extends ByteRange {
  readonly part: Part;
}

/**
 * Bytes and their offset in the object. Whoever takes a chunk calls `release()` once the bytes were handed on or
 * written, which gives their length back to the budget of `fetchParts`. The memory stays valid afterwards.
 * Where a chunk has `recycle()`, whoever kept no view of its bytes may call that instead: the memory is then read into
 * again. Chunks of `fetchParts` have no `recycle()`, because other code may have seen them.
 */
export interface PlacedChunk {
  /** Offset of the first byte in the object. */
  readonly offset: number;
  readonly bytes: Buffer;
  /** Idempotent. */
  release(): void;
  /** Releases the chunk and gives its memory back; `bytes` must not be looked at any more. Idempotent. */
  recycle?(): void;
}

/** Refuses what is no chunk: a stream of bytes, for example, where one of chunks is meant. */
export function chunkProblem(chunk: PlacedChunk | undefined): InvalidOptionError | undefined {
  const isChunk =
    Number.isSafeInteger(chunk?.offset) &&
    chunk?.bytes instanceof Uint8Array &&
    typeof (chunk.release as unknown) === 'function';
  if (isChunk) return undefined;
  return new InvalidOptionError('chunk', 'expected a PlacedChunk { offset, bytes, release() }, as fetchParts() gives');
}

/** For whoever kept no view of the bytes. A chunk that other code has made may only know `release()`. */
export function recycleChunk(chunk: PlacedChunk): void {
  if (chunk.recycle === undefined) chunk.release();
  else chunk.recycle();
}
