/**
 * Puts placed chunks in order: chunks in, in any order; the object's bytes out, in order, each exactly once. Takes every
 * chunk at once and releases it when its bytes have left, so memory is bounded by whoever hands out the chunks. Of memory
 * that can be used again a copy leaves: that costs less than the collection of the large pieces that sockets read into.
 * Refuses gaps: an end with bytes missing is an error.
 */

import { Duplex } from 'node:stream';
import type { ByteRange } from '../byte-range.js';
import { ProtocolError } from '../errors.js';
import { checkInteger, checkKeys } from '../option-checks.js';
import { chunkProblem, type PlacedChunk, recycleChunk } from '../part.js';
import { silentOnceDestroyed } from '../silent-once-destroyed.js';

/** The most that is copied into one piece. */
const MAX_COPY_BYTES = 256 * 1024;

export interface ReassemblerOptions {
  /** Bytes that wait at the readable end for the consumer. @default 65_536 */
  readonly highWaterMark?: number | undefined;
}

/**
 * A Duplex that takes {@link PlacedChunk}s and gives the bytes of `range` in order. The parts that are fetched for it have
 * to cover that range: a gap larger than the budget of `fetchParts` is waited for.
 *
 * @param range - the bytes to expect; `end` may be Infinity, then the end of the input is the end
 * @throws InvalidOptionError when the range is not one
 * @example pipeline(fetchParts(source, object, parts), createReassembler({ start: 0, end: object.size }), gunzip, target)
 */
export function createReassembler(range: ByteRange, options?: ReassemblerOptions): Duplex {
  const { start, end } = checkOrderedRange(range);
  const { highWaterMark = 64 * 1024 } = checkKeys('options', options, ['highWaterMark']);
  const waiting = new Map<number, PlacedChunk>();
  let next = start;
  let isWanted = false;
  let hasInputEnded = false;

  const handOn = () => {
    try {
      handOnReady();
    } catch (error) {
      // A chunk of others may fail to be released.
      duplex.destroy(error as Error);
    }
  };
  const handOnReady = () => {
    if (duplex.destroyed) return;
    for (let chunk = waiting.get(next); isWanted && chunk !== undefined; chunk = waiting.get(next)) {
      waiting.delete(next);
      const { own, rest } = cutOwn(chunk);
      next += own.length;
      if (rest !== undefined) waiting.set(next, rest);
      isWanted = duplex.push(own);
      if (rest === undefined) recycleChunk(chunk);
    }
    // The chunks that wait are contiguous by now: an empty map means that all have left.
    if (hasInputEnded && waiting.size === 0) duplex.push(null);
  };
  /** Where the bytes end that have come without a gap. */
  const contiguousEnd = () => {
    let offset = next;
    for (let chunk = waiting.get(offset); chunk !== undefined; chunk = waiting.get(offset))
      offset += chunk.bytes.length;
    return offset;
  };

  const duplex = new Duplex({
    writableObjectMode: true,
    readableHighWaterMark: checkInteger('highWaterMark', highWaterMark, 0, Number.MAX_SAFE_INTEGER),
    write(chunk: PlacedChunk, _encoding, done) {
      const problem = chunkProblem(chunk);
      if (problem !== undefined) {
        done(problem);
        return;
      }
      // Invariant: a byte leaves once: a chunk is taken only where none has left, and one that overlaps another never leaves.
      if (chunk.offset < next || chunk.offset + chunk.bytes.length > end || waiting.has(chunk.offset)) {
        done(new ProtocolError(`a chunk at offset ${chunk.offset} is outside what is expected from ${next}`));
        return;
      }
      if (chunk.bytes.length === 0) {
        done(releaseAll([chunk]));
        return;
      }
      waiting.set(chunk.offset, chunk);
      handOn();
      done();
    },
    final(done) {
      const reached = contiguousEnd();
      // Invariant: the ordered stream ends only when every byte of the range has come.
      if (end !== Number.POSITIVE_INFINITY && reached !== end) {
        done(new ProtocolError(`the input ended with bytes missing after offset ${reached}`));
        return;
      }
      // What does not follow the others lies after a gap, or overlaps one that has left.
      if (reached !== next + heldBytes(waiting)) {
        done(new ProtocolError(`the input ended with chunks that do not fit behind offset ${reached}`));
        return;
      }
      done();
      hasInputEnded = true;
      handOn();
    },
    read() {
      isWanted = true;
      // Later: a chunk that is pushed while one is being read would be copied into one piece with it.
      process.nextTick(handOn);
    },
    destroy(error, done) {
      const failure = releaseAll(waiting.values());
      waiting.clear();
      done(error ?? failure);
    },
  });
  return silentOnceDestroyed(duplex);
}

/** The bytes of a chunk for the reader to keep, and what is left of the chunk. */
function cutOwn(chunk: PlacedChunk): { readonly own: Buffer; readonly rest: PlacedChunk | undefined } {
  const { offset, bytes, recycle } = chunk;
  if (recycle === undefined) return { own: bytes, rest: undefined };
  const piece = bytes.subarray(0, MAX_COPY_BYTES);
  // Invariant: what a reader keeps is never memory that is read into again.
  const own = Buffer.allocUnsafeSlow(piece.length);
  own.set(piece);
  if (piece.length === bytes.length) return { own, rest: undefined };
  const rest: PlacedChunk = {
    offset: offset + piece.length,
    bytes: bytes.subarray(piece.length),
    release: () => chunk.release(),
    recycle: () => chunk.recycle?.(),
  };
  return { own, rest };
}

/** Gives the first failure: chunks of others may fail to be released, and the rest is released all the same. */
function releaseAll(chunks: Iterable<PlacedChunk>): Error | null {
  let failure: Error | null = null;
  for (const chunk of chunks) {
    try {
      chunk.release();
    } catch (error) {
      failure ??= error as Error;
    }
  }
  return failure;
}

function heldBytes(chunks: ReadonlyMap<number, PlacedChunk>): number {
  let sum = 0;
  for (const chunk of chunks.values()) sum += chunk.bytes.length;
  return sum;
}

function checkOrderedRange(range: ByteRange): ByteRange {
  const start = checkInteger('range.start', range?.start, 0, Number.MAX_SAFE_INTEGER);
  const isOpen = range.end === Number.POSITIVE_INFINITY;
  return { start, end: isOpen ? range.end : checkInteger('range.end', range.end, start, Number.MAX_SAFE_INTEGER) };
}
