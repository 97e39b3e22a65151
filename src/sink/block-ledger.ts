/**
 * What is known about the bytes of the file, block by block: written, recorded in the journal, found right. Offsets are
 * those of the file. Never holds bytes: 12 bytes per block, and a little for each block that is being written.
 */

import { type ByteRange, byteLength, normalizeRanges } from '../byte-range.js';
import type { Crc } from '../verify/crc.js';
import { BLOCK_UNIT_BYTES, type BlockRun, MAX_BLOCKS } from './journal-record.js';
import { OpenBlock } from './open-block.js';

/** Bytes of a block of a file of `length` bytes: the least that keeps a journal short, in steps of 512 KiB. */
export function blockBytesFor(length: number): number {
  return Math.max(1, Math.ceil(length / MAX_BLOCKS / BLOCK_UNIT_BYTES)) * BLOCK_UNIT_BYTES;
}

/** Bytes that are to be written: claimed for their caller, within one block. */
export interface ClaimedRange extends ByteRange {
  readonly block: number;
}

const WRITTEN = 1;
const RECORDED = 2;
/** Recorded by an earlier process, and not compared with the disk yet. */
const UNPROVEN = 4;

export class BlockLedger {
  readonly length: number;
  readonly blockBytes: number;
  readonly crc: Crc;
  readonly #flags: Uint8Array;
  readonly #crcs: BigUint64Array;
  readonly #open: Map<number, OpenBlock> = new Map();
  #writtenBlocks = 0;
  #recordedBytes = 0;
  /** Written and not recorded, in the order of writing. */
  #unrecorded: number[] = [];

  constructor(length: number, blockBytes: number, crc: Crc) {
    this.length = length;
    this.blockBytes = blockBytes;
    this.crc = crc;
    this.#flags = new Uint8Array(Math.ceil(length / blockBytes));
    this.#crcs = new BigUint64Array(this.#flags.length);
  }

  get isComplete(): boolean {
    return this.#writtenBlocks === this.#flags.length;
  }

  get hasUnrecorded(): boolean {
    return this.#unrecorded.length > 0;
  }

  get recordedBytes(): number {
    return this.#recordedBytes;
  }

  /** The bytes of a block. */
  rangeOf(block: number): ByteRange {
    const start = block * this.blockBytes;
    return { start, end: Math.min(start + this.blockBytes, this.length) };
  }

  /** What of `range` is still to be written, in ascending order; it is claimed by this call. */
  claim(range: ByteRange): ClaimedRange[] {
    const claimed: ClaimedRange[] = [];
    for (let start = range.start; start < range.end; ) {
      const block = Math.floor(start / this.blockBytes);
      const end = Math.min(this.rangeOf(block).end, range.end);
      if (!this.#has(block, WRITTEN)) {
        const open = this.#open.get(block) ?? new OpenBlock(this.crc);
        this.#open.set(block, open);
        for (const piece of open.claim({ start, end })) claimed.push({ ...piece, block });
      }
      start = end;
    }
    return claimed;
  }

  /** A claimed range was written; `crc` is that of the bytes that were handed to the write. */
  settle(range: ClaimedRange, crc: bigint): void {
    const open = this.#open.get(range.block);
    open?.settle(range, crc);
    // Invariant: a block counts as written only when every byte of it was, in whatever order they came.
    const whole = open?.crcOf(this.rangeOf(range.block));
    if (whole === undefined) return;
    this.#open.delete(range.block);
    this.#markWritten(range.block, whole);
    this.#unrecorded.push(range.block);
  }

  /** Takes over what an earlier process recorded. */
  load(runs: readonly BlockRun[]): void {
    for (const { first, crcs } of runs) {
      for (const [index, crc] of crcs.entries()) {
        this.#markWritten(first + index, crc);
        this.#setFlag(first + index, UNPROVEN);
        this.#markRecorded(first + index);
      }
    }
  }

  /** The blocks to record now, as runs of neighbours in ascending order. */
  takeUnrecorded(): BlockRun[] {
    const blocks = this.#unrecorded.sort((a, b) => a - b);
    this.#unrecorded = [];
    return this.#runsOf(blocks);
  }

  /** The blocks that are recorded, in the same way. */
  recordedRuns(): BlockRun[] {
    return this.#runsOf([...this.#flags.keys()].filter((block) => this.#has(block, RECORDED)));
  }

  #runsOf(blocks: readonly number[]): BlockRun[] {
    const runs: { first: number; crcs: bigint[] }[] = [];
    for (const block of blocks) {
      const last = runs.at(-1);
      if (last !== undefined && last.first + last.crcs.length === block) last.crcs.push(this.#crcs[block] ?? 0n);
      else runs.push({ first: block, crcs: [this.#crcs[block] ?? 0n] });
    }
    return runs;
  }

  /** The records of these runs are in the journal now. */
  markRecorded(runs: readonly BlockRun[]): void {
    for (const { first, crcs } of runs) {
      for (const index of crcs.keys()) if (this.#has(first + index, WRITTEN)) this.#markRecorded(first + index);
    }
  }

  /** The blocks that hold any byte of `range`, in ascending order. */
  *blocksOf(range: ByteRange): Generator<number> {
    const end = Math.ceil(range.end / this.blockBytes);
    for (let block = Math.floor(range.start / this.blockBytes); block < end; block++) yield block;
  }

  isWritten(block: number): boolean {
    return this.#has(block, WRITTEN);
  }

  isUnproven(block: number): boolean {
    return this.#has(block, UNPROVEN);
  }

  /** The blocks of an earlier process that were not compared with the disk yet, in ascending order. */
  *unproven(): Generator<number> {
    for (let block = 0; block < this.#flags.length; block++) if (this.#has(block, UNPROVEN)) yield block;
  }

  /** Compares an unproven block with the CRC of what is on disk. When it is damaged it has to be written again. */
  prove(block: number, crcOnDisk: bigint | undefined): boolean {
    if (!this.#has(block, UNPROVEN)) return true;
    const isRight = crcOnDisk === this.#crcs[block];
    if (isRight) this.#flags[block] = (this.#flags[block] ?? 0) & ~UNPROVEN;
    else this.#forget(block);
    return isRight;
  }

  /** Everything has to be written again. */
  clear(): void {
    this.#flags.fill(0);
    this.#open.clear();
    this.#unrecorded = [];
    this.#writtenBlocks = 0;
    this.#recordedBytes = 0;
  }

  /** The bytes of all recorded blocks. */
  recorded(): ByteRange[] {
    return this.#ranges(RECORDED);
  }

  /** All bytes that were written, those of unfinished blocks included. */
  written(): ByteRange[] {
    return normalizeRanges([...this.#ranges(WRITTEN), ...[...this.#open.values()].flatMap((open) => open.written())]);
  }

  /** The CRC of the whole file, once every block was written. */
  combinedCrc(): bigint | undefined {
    if (!this.isComplete) return undefined;
    return this.#crcs.reduce((all, crc, block) => this.crc.combine(all, crc, byteLength(this.rangeOf(block))), 0n);
  }

  #has(block: number, flag: number): boolean {
    return ((this.#flags[block] ?? 0) & flag) !== 0;
  }

  #setFlag(block: number, flag: number): void {
    this.#flags[block] = (this.#flags[block] ?? 0) | flag;
  }

  #markWritten(block: number, crc: bigint): void {
    if (!this.#has(block, WRITTEN)) this.#writtenBlocks += 1;
    this.#setFlag(block, WRITTEN);
    this.#crcs[block] = crc;
  }

  #markRecorded(block: number): void {
    if (!this.#has(block, RECORDED)) this.#recordedBytes += byteLength(this.rangeOf(block));
    this.#setFlag(block, RECORDED);
  }

  #forget(block: number): void {
    if (this.#has(block, RECORDED)) this.#recordedBytes -= byteLength(this.rangeOf(block));
    if (this.#has(block, WRITTEN)) this.#writtenBlocks -= 1;
    this.#flags[block] = 0;
  }

  #ranges(flag: number): ByteRange[] {
    const ranges: { start: number; end: number }[] = [];
    for (let block = 0; block < this.#flags.length; block++) {
      if (!this.#has(block, flag)) continue;
      const { start, end } = this.rangeOf(block);
      const last = ranges.at(-1);
      if (last?.end === start) last.end = end;
      else ranges.push({ start, end });
    }
    return ranges;
  }
}
