/**
 * Reads back the blocks that an earlier process recorded and compares them with their CRCs. Times and sizes of files
 * prove nothing: a block counts again only when its bytes do.
 */

import { type ByteRange, byteLength, normalizeRanges } from '../byte-range.js';
import type { BlockLedger } from './block-ledger.js';
import type { PartFile } from './part-file.js';

const READ_BYTES = 4 * 1024 * 1024;

/** Un-records the damaged blocks in the ledger, and returns their ranges in the file. */
export async function recheckBlocks(part: PartFile, ledger: BlockLedger, signal?: AbortSignal): Promise<ByteRange[]> {
  const damaged: ByteRange[] = [];
  let buffer: Buffer | undefined;
  // Invariant: every block that an earlier process recorded is compared with the disk before it is trusted.
  for (const block of ledger.unproven()) {
    buffer ??= Buffer.allocUnsafe(Math.min(READ_BYTES, ledger.blockBytes));
    const range = ledger.rangeOf(block);
    const crc = await crcOnDisk(part, ledger, range, buffer);
    signal?.throwIfAborted();
    if (!ledger.prove(block, crc)) damaged.push(range);
  }
  return normalizeRanges(damaged);
}

/** Compares the blocks that `range` touches, unless that was done before. True when all of its bytes are there and right. */
async function proveRange(part: PartFile, ledger: BlockLedger, range: ByteRange): Promise<boolean> {
  let buffer: Buffer | undefined;
  for (const block of ledger.blocksOf(range)) {
    if (!ledger.isWritten(block)) return false;
    if (!ledger.isUnproven(block)) continue;
    buffer ??= Buffer.allocUnsafe(Math.min(READ_BYTES, ledger.blockBytes));
    const crc = await crcOnDisk(part, ledger, ledger.rangeOf(block), buffer);
    ledger.prove(block, crc);
    // Somebody else may have found the damage meanwhile.
    if (!ledger.isWritten(block)) return false;
  }
  return true;
}

/** The bytes of `range` as they are on disk, compared; undefined when they are not all there and right. */
export async function readProven(part: PartFile, ledger: BlockLedger, range: ByteRange): Promise<Buffer | undefined> {
  if (!(await proveRange(part, ledger, range))) return undefined;
  const bytes = Buffer.allocUnsafeSlow(byteLength(range));
  return (await part.read(bytes, range.start)) === bytes.length ? bytes : undefined;
}

/** Undefined when the bytes are not all there, or the disk cannot read them: writing them again cures both. */
async function crcOnDisk(
  part: PartFile,
  { crc }: BlockLedger,
  range: ByteRange,
  buffer: Buffer,
): Promise<bigint | undefined> {
  let value = 0n;
  for (let start = range.start; start < range.end; start += buffer.length) {
    const bytes = buffer.subarray(0, Math.min(buffer.length, range.end - start));
    const byteCount = await part.read(bytes, start).catch(() => 0);
    if (byteCount < bytes.length) return undefined;
    value = crc.combine(value, crc.of([bytes]), bytes.length);
  }
  return value;
}
