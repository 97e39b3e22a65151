/** Chunks that lie side by side, written in one go. Nothing is copied, nothing is written here. */

import type { ByteRange } from '../byte-range.js';
import type { PlacedChunk } from '../part.js';

/** Neighbouring chunks; offsets are those of the file. */
export class WriteSpan implements ByteRange {
  readonly start: number;
  readonly chunks: PlacedChunk[] = [];
  #end: number;
  #endAtLastLook: number;
  #looks = 0;

  constructor(start: number) {
    this.start = start;
    this.#end = start;
    this.#endAtLastLook = start;
  }

  get end(): number {
    return this.#end;
  }

  get byteCount(): number {
    return this.#end - this.start;
  }

  /** How often it was looked at. */
  get looks(): number {
    return this.#looks;
  }

  /** The chunk begins where the span ends. */
  add(chunk: PlacedChunk): void {
    this.chunks.push(chunk);
    this.#end += chunk.bytes.length;
  }

  /** Whether it has grown since the last look. */
  look(): 'growing' | 'at rest' {
    const isGrowing = this.#end > this.#endAtLastLook;
    this.#endAtLastLook = this.#end;
    this.#looks += 1;
    return isGrowing ? 'growing' : 'at rest';
  }
}

/** The bytes of `range`, which lies within the span. */
export function bytesOf(span: WriteSpan, range: ByteRange): Buffer[] {
  const buffers: Buffer[] = [];
  let start = span.start;
  for (const { bytes } of span.chunks) {
    const from = Math.max(range.start - start, 0);
    const to = Math.min(range.end - start, bytes.length);
    if (from < to) buffers.push(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
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
