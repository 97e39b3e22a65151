import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockLedger, blockBytesFor } from '../../src/sink/block-ledger.js';
import { loadCrc } from '../../src/verify/crc.js';
import { MiB, rampBytes } from './sink-fixture.js';

const crc = await loadCrc('crc32');

/** Claims a range, and settles what was claimed with the CRC of these bytes. */
function write(ledger: BlockLedger, bytes: Buffer, start: number, end: number): number {
  let written = 0;
  for (const piece of ledger.claim({ start, end })) {
    ledger.settle(piece, crc.of([bytes.subarray(piece.start, piece.end)]));
    written += piece.end - piece.start;
  }
  return written;
}

describe('the block ledger', () => {
  it.each([
    [0, MiB / 2],
    [1, MiB / 2],
    [32_768 * MiB, MiB / 2],
    [32_768 * MiB + 1, MiB],
    [65_536 * MiB, MiB],
    [65_536 * MiB + 1, 1.5 * MiB],
    [1024 * 1024 * MiB, 16 * MiB],
  ])('a file of %d bytes has blocks of %d bytes', (length, blockBytes) => {
    expect(blockBytesFor(length)).toBe(blockBytes);
    expect(Math.ceil(length / blockBytes)).toBeLessThanOrEqual(65_536);
  });

  it('a block counts as written only when every byte of it was, in whatever order they came', () => {
    const bytes = rampBytes(2 * MiB + 5);
    const ledger = new BlockLedger(bytes.length, MiB, crc);
    write(ledger, bytes, MiB - 10, 2 * MiB);
    expect(ledger.takeUnrecorded()).toEqual([{ first: 1, crcs: [crc.of([bytes.subarray(MiB, 2 * MiB)])] }]);
    write(ledger, bytes, 0, 100);
    write(ledger, bytes, 200, MiB - 10);
    expect(ledger.hasUnrecorded).toBe(false);
    write(ledger, bytes, 100, 200);
    expect(ledger.takeUnrecorded()).toEqual([{ first: 0, crcs: [crc.of([bytes.subarray(0, MiB)])] }]);
    expect(ledger.isComplete).toBe(false);
    write(ledger, bytes, 2 * MiB, 2 * MiB + 5);
    expect(ledger.isComplete).toBe(true);
    expect(ledger.combinedCrc()).toBe(crc.of([bytes]));
  });

  it('T094: has the CRC of every block, however the pieces lie across the blocks', () => {
    const bytes = rampBytes(3 * MiB + 12_345, 7);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(cuts, fc.infiniteStream(fc.nat()), (unsorted, random) => {
        const edges = [0, ...unsorted.sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((end, index) => ({ start: edges[index] ?? 0, end }));
        const shuffled = pieces.map((piece) => ({ piece, key: random.next().value })).sort((a, b) => a.key - b.key);
        const ledger = new BlockLedger(bytes.length, MiB, crc);
        for (const { piece } of shuffled) write(ledger, bytes, piece.start, piece.end);
        const recorded = ledger.takeUnrecorded();
        expect(recorded).toHaveLength(1);
        const expected = [0, 1, 2, 3].map((block) => crc.of([bytes.subarray(block * MiB, (block + 1) * MiB)]));
        expect(recorded[0]).toEqual({ first: 0, crcs: expected });
        expect(ledger.combinedCrc()).toBe(crc.of([bytes]));
      }),
      { numRuns: 30 },
    );
  });

  it('a byte is written once; what comes a second time is ignored', () => {
    const bytes = rampBytes(2 * MiB);
    const ledger = new BlockLedger(bytes.length, MiB, crc);
    const onTheWay = ledger.claim({ start: 100, end: 200 });
    expect(ledger.claim({ start: 50, end: 250 })).toEqual([
      { start: 50, end: 100, block: 0 },
      { start: 200, end: 250, block: 0 },
    ]);
    expect(onTheWay).toHaveLength(1);
    expect(ledger.claim({ start: 60, end: 240 })).toEqual([]);
    expect(write(ledger, bytes, MiB, 2 * MiB)).toBe(MiB);
    expect(write(ledger, bytes, MiB, 2 * MiB)).toBe(0);
  });

  it('bytes on their way count neither as written nor as a block', () => {
    const ledger = new BlockLedger(MiB, MiB, crc);
    const [claimed] = ledger.claim({ start: 0, end: MiB });
    expect(ledger.written()).toEqual([]);
    expect(ledger.isComplete).toBe(false);
    if (claimed !== undefined) ledger.settle(claimed, 5n);
    expect(ledger.written()).toEqual([{ start: 0, end: MiB }]);
    expect(ledger.isComplete).toBe(true);
  });

  it('a block of an earlier process that is damaged has to be written again', () => {
    const bytes = rampBytes(3 * MiB);
    const ledger = new BlockLedger(bytes.length, MiB, crc);
    ledger.load([{ first: 0, crcs: [1n, 2n, 3n] }]);
    expect(ledger.recordedBytes).toBe(3 * MiB);
    expect([...ledger.unproven()]).toEqual([0, 1, 2]);
    expect([ledger.prove(0, 1n), ledger.prove(1, 99n), ledger.prove(2, undefined)]).toEqual([true, false, false]);
    expect([...ledger.unproven()]).toEqual([]);
    expect(ledger.recorded()).toEqual([{ start: 0, end: MiB }]);
    expect(ledger.isComplete).toBe(false);
    write(ledger, bytes, 0, 3 * MiB);
    expect(ledger.takeUnrecorded().map(({ first }) => first)).toEqual([1]);
    expect(ledger.prove(1, 99n)).toBe(true);
    expect(ledger.isComplete).toBe(true);
  });

  it('an empty file is complete from the start', () => {
    const ledger = new BlockLedger(0, blockBytesFor(0), crc);
    expect(ledger.isComplete).toBe(true);
    expect(ledger.combinedCrc()).toBe(0n);
    expect(ledger.written()).toEqual([]);
  });

  it('knows all about 1 TiB in less than 4 MiB', () => {
    const length = 1024 * 1024 * MiB;
    const before = process.memoryUsage();
    const ledger = new BlockLedger(length, blockBytesFor(length), crc);
    for (const piece of ledger.claim({ start: 0, end: length / 2 })) ledger.settle(piece, 1n);
    ledger.markRecorded(ledger.takeUnrecorded());
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(4 * MiB);
    expect(ledger.recorded()).toEqual([{ start: 0, end: length / 2 }]);
  });
});
