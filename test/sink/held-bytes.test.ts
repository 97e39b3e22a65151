/** How long bytes wait for the disk, and how many. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BlockLedger, blockBytesFor } from '../../src/sink/block-ledger.js';
import type { PartFile } from '../../src/sink/part-file.js';
import { WriteQueue } from '../../src/sink/write-queue.js';
import { loadCrc } from '../../src/verify/crc.js';
import { faultyFileOps } from './faulty-file-ops.js';
import { MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = 40 * MiB;
const bytes = rampBytes(MiB);
const all = { start: 0, end: SIZE };

/** A chunk of 1 MiB at `offset`; all of them share their memory. */
const chunkAt = (offset: number) => ({ offset, bytes, release: () => undefined });

async function setUp(write: () => Promise<void>) {
  const ledger = new BlockLedger(SIZE, blockBytesFor(SIZE), await loadCrc('crc32'));
  const queue = new WriteQueue({
    part: { write } as Partial<PartFile> as PartFile,
    ledger,
    range: all,
    signal: new AbortController().signal,
    onWritten: () => undefined,
    onFailure: (error) => {
      throw error;
    },
  });
  return { ledger, queue };
}

const settled = async (work: Promise<unknown>) => {
  const turns = (async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    return false;
  })();
  return await Promise.race([work.then(() => true), turns]);
};

describe('the write queue', () => {
  it('holds no more than 24 MiB: whoever sends is told to stop, and to go on once a write has ended', async () => {
    const ends: (() => void)[] = [];
    const { queue, ledger } = await setUp(() => new Promise((resolve) => ends.push(resolve)));
    // Away from each other, so that each is a write of its own.
    for (let index = 0; index < 12; index++) expect(await settled(queue.add(chunkAt(2 * index * MiB)))).toBe(true);
    for (let index = 0; index < 11; index++) {
      expect(await settled(queue.add(chunkAt((2 * index + 1) * MiB)))).toBe(true);
    }
    const full = queue.add(chunkAt(30 * MiB));
    expect(await settled(full)).toBe(false);
    ends.shift()?.();
    expect(await settled(full)).toBe(true);
    const drained = queue.drain();
    while (!(await settled(drained))) for (const end of ends.splice(0)) end();
    expect(ledger.written()).toEqual([
      { start: 0, end: 23 * MiB },
      { start: 30 * MiB, end: 31 * MiB },
    ]);
  });

  it('writes bytes soon that nothing follows, though they end nowhere in particular', async () => {
    const { queue, ledger } = await setUp(async () => undefined);
    await queue.add({ offset: 5, bytes: bytes.subarray(0, 100), release: () => undefined });
    for (let waited = 0; waited < 200 && ledger.written().length === 0; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(ledger.written()).toEqual([{ start: 5, end: 105 }]);
    queue.end();
  });
});

it('a flush takes along what still waits in front of the queue', async () => {
  const path = join(await temporaryDirectory(), 'model.bin');
  const fileOps = faultyFileOps();
  const sink = await openSink(path, objectOf(SIZE), { fileOps });
  fileOps.before = async ({ op }) => {
    if (op === 'file.write') await new Promise(setImmediate);
  };
  for (let offset = 0; offset < SIZE; offset += MiB) sink.write(chunkAt(offset));
  await sink.flush();
  expect(sink.writableLength).toBe(0);
  expect(sink.completed).toEqual([all]);
});

it('what was written a moment ago and is not recorded yet is recorded by the close', async () => {
  const path = join(await temporaryDirectory(), 'model.bin');
  const told: number[] = [];
  const sink = await openSink(path, objectOf(SIZE), { onCheckpointed: (byteCount) => told.push(byteCount) });
  sink.write(chunkAt(0));
  // As a rule before the timer of the record.
  while (sink.missing()[0]?.start === 0) await new Promise(setImmediate);
  await sink.close();
  expect(told).toEqual([MiB]);
  const next = await openSink(path, objectOf(SIZE));
  expect(next.completed).toEqual([{ start: 0, end: MiB }]);
});
