/** Chunks that lie side by side, written in one go. Pure: nothing is copied, nothing is written here. */

import type { ByteRange } from '../byte-range.js';
import type { PlacedChunk } from '../part.js';

/** Neighbouring chunks; offsets are those of the file. */
export interface WriteSpan extends ByteRange {
  readonly chunks: readonly PlacedChunk[];
}

/** One write never takes so long that an abort would have to wait for it. */
const MAX_SPAN_BYTES = 16 * 1024 * 1024;

/** Groups chunks into as few spans as possible. `origin`: the object's offset that is 0 in the file. */
export function toWriteSpans(chunks: readonly PlacedChunk[], origin: number): WriteSpan[] {
  const spans: { start: number; end: number; chunks: PlacedChunk[] }[] = [];
  for (const chunk of [...chunks].sort((a, b) => a.offset - b.offset)) {
    const start = chunk.offset - origin;
    const end = start + chunk.bytes.length;
    const last = spans.at(-1);
    if (last?.end === start && end - last.start <= MAX_SPAN_BYTES) {
      last.end = end;
      last.chunks.push(chunk);
    } else spans.push({ start, end, chunks: [chunk] });
  }
  return spans;
}

/** The bytes of `range`, which lies within the span. */
export function bytesOf(span: WriteSpan, range: ByteRange): Buffer[] {
  const buffers: Buffer[] = [];
  let start = span.start;
  for (const { bytes } of span.chunks) {
    const from = Math.max(range.start - start, 0);
    const to = Math.min(range.end - start, bytes.length);
    if (from < to) buffers.push(bytes.subarray(from, to));
    start += bytes.length;
  }
  return buffers;
}

/** Groups ascending ranges into runs without a gap. */
export function touchingRuns<R extends ByteRange>(ranges: readonly R[]): R[][] {
  const runs: R[][] = [];
  for (const range of ranges) {
    const last = runs.at(-1);
    if (last?.at(-1)?.end === range.start) last.push(range);
    else runs.push([range]);
  }
  return runs;
}
