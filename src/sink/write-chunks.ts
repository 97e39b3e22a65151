/**
 * Takes chunks to the disk: few positioned writes, at most two at a time, and the CRCs of what was written. Refuses
 * chunks that lie outside the range.
 */

import type { ByteRange } from '../byte-range.js';
import type { PlacedChunk } from '../part.js';
import type { BlockLedger } from './block-ledger.js';
import type { PartFile } from './part-file.js';
import { bytesOf, touchingRuns, toWriteSpans, type WriteSpan } from './write-span.js';

export interface WriteTarget {
  readonly part: PartFile;
  readonly ledger: BlockLedger;
  /** The bytes of the object that the file is to hold. */
  readonly range: ByteRange;
  readonly signal: AbortSignal;
  onWritten(byteCount: number): void;
}

const WRITES_IN_FLIGHT = 2;

/** Resolves, after no write is in flight any more, when all chunks were written and released. */
export async function writeChunks(chunks: readonly PlacedChunk[], target: WriteTarget): Promise<void> {
  const { start, end } = target.range;
  for (const { offset, bytes } of chunks) {
    if (!(offset >= start && offset + bytes.length <= end)) {
      throw new RangeError(`a chunk of ${bytes.length} bytes at ${offset} is outside the bytes ${start}-${end}`);
    }
  }
  const spans = toWriteSpans(chunks, start).values();
  const worker = async () => {
    for (const span of spans) await writeSpan(span, target);
  };
  const results = await Promise.allSettled(Array.from({ length: WRITES_IN_FLIGHT }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function writeSpan(span: WriteSpan, { part, ledger, signal, onWritten }: WriteTarget): Promise<void> {
  for (const run of touchingRuns(ledger.claim(span))) {
    const [start, end] = [run[0]?.start ?? 0, run.at(-1)?.end ?? 0];
    // Invariant: once the sink is being destroyed no further write begins.
    signal.throwIfAborted();
    const written = part.write(bytesOf(span, { start, end }), start);
    // Invariant: the CRC is that of the bytes that were handed to the write. Computed while the system writes them.
    const crcs = run.map((piece) => ledger.crc.of(bytesOf(span, piece)));
    await written;
    for (const [index, piece] of run.entries()) ledger.settle(piece, crcs[index] ?? 0n);
    onWritten(end - start);
  }
  // Invariant: a chunk is released only after its bytes were written.
  for (const chunk of span.chunks) recycle(chunk);
}

/** Nobody needs the bytes after the write. A chunk of somebody else's making may not know how to be recycled. */
function recycle(chunk: PlacedChunk): void {
  if (chunk.recycle === undefined) chunk.release();
  else chunk.recycle();
}
