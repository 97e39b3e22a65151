/**
 * A block of which some bytes are still missing: which of them are on their way to the disk, which have arrived there,
 * and the CRCs of the latter, joined as neighbours meet. Never holds bytes.
 */

import { type ByteRange, byteLength } from '../byte-range.js';
import type { Crc } from '../verify/crc.js';

interface Extent {
  start: number;
  end: number;
  /** Undefined while the bytes are on their way. */
  crc: bigint | undefined;
}

export class OpenBlock {
  readonly #crc: Crc;
  /** Ascending, never overlapping. */
  readonly #extents: Extent[] = [];

  constructor(crc: Crc) {
    this.#crc = crc;
  }

  /** The parts of `range` that nobody has claimed yet; they are claimed now. */
  claim(range: ByteRange): ByteRange[] {
    const claimed: Extent[] = [];
    let start = range.start;
    // Invariant: a byte is written once; what comes a second time is ignored.
    for (const extent of this.#extents) {
      if (extent.end <= start) continue;
      if (extent.start >= range.end) break;
      if (extent.start > start) claimed.push({ start, end: extent.start, crc: undefined });
      start = extent.end;
    }
    if (start < range.end) claimed.push({ start, end: range.end, crc: undefined });
    this.#extents.push(...claimed);
    this.#extents.sort((a, b) => a.start - b.start);
    return claimed.map(({ start, end }) => ({ start, end }));
  }

  /** A claimed range was written; `crc` is that of its bytes. */
  settle(range: ByteRange, crc: bigint): void {
    const index = this.#extents.findIndex((extent) => extent.start === range.start);
    const extent = this.#extents[index];
    if (extent === undefined || extent.end !== range.end) throw new RangeError('this range was never claimed');
    extent.crc = crc;
    this.#join(index);
    this.#join(index - 1);
  }

  /** Joins the extent at `index` with the next one, where both were written and they touch. */
  #join(index: number): void {
    const left = this.#extents[index];
    const right = this.#extents[index + 1];
    if (left?.crc === undefined || right?.crc === undefined || left.end !== right.start) return;
    left.crc = this.#crc.combine(left.crc, right.crc, byteLength(right));
    left.end = right.end;
    this.#extents.splice(index + 1, 1);
  }

  /** The CRC of the whole block `range` once every byte of it was written. */
  crcOf(range: ByteRange): bigint | undefined {
    const [first] = this.#extents;
    return first?.start === range.start && first.end === range.end ? first.crc : undefined;
  }

  /** What was written so far. */
  written(): ByteRange[] {
    return this.#extents.filter(({ crc }) => crc !== undefined).map(({ start, end }) => ({ start, end }));
  }
}
