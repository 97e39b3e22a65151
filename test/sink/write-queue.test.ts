import { beforeAll, describe, expect, it } from 'vitest';
import type { ByteRange } from '../../src/byte-range.js';
import { BlockLedger, blockBytesFor } from '../../src/sink/block-ledger.js';
import type { PartFile } from '../../src/sink/part-file.js';
import { WriteQueue } from '../../src/sink/write-queue.js';
import { type Crc, loadCrc } from '../../src/verify/crc.js';
import { chunkOf, rampBytes } from './sink-fixture.js';

const SIZE = 10_000;
const bytes = rampBytes(SIZE);
let crc: Crc;
beforeAll(async () => {
  crc = await loadCrc('crc32');
});

/** A queue whose writes end when they are let, and what became of it. */
function setUp() {
  const begun: string[] = [];
  const failures: unknown[] = [];
  let gate: Promise<void> | undefined;
  const write = async (buffers: readonly Uint8Array[], position: number) => {
    begun.push(`${position}-${position + Buffer.concat(buffers).length}`);
    await gate;
  };
  const ending = new AbortController();
  const queue = new WriteQueue({
    part: { write } as Partial<PartFile> as PartFile,
    ledger: new BlockLedger(SIZE, blockBytesFor(SIZE), crc),
    range: { start: 0, end: SIZE },
    signal: ending.signal,
    onWritten: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  return {
    queue,
    begun,
    failures,
    ending,
    add: (range: ByteRange) => queue.add(chunkOf(bytes, range)),
    /** No write ends until the function that it returns is called. */
    hold(): () => void {
      let letGo = () => {};
      gate = new Promise((resolve) => {
        letGo = resolve;
      });
      return letGo;
    },
  };
}

describe('once the sink is being destroyed no further write begins', () => {
  it('of a span that waits for its turn: it is not even begun with, so that nothing of it fails', async () => {
    const { queue, begun, failures, ending, add, hold } = setUp();
    const letGo = hold();
    for (const start of [0, 1000, 2000, 3000]) await add({ start, end: start + 10 });
    const drained = queue.drain();
    expect(begun).toEqual(['0-10', '1000-1010', '2000-2010']);
    ending.abort(new Error('the sink was closed'));
    letGo();
    await drained;
    expect(begun).toHaveLength(3);
    expect(failures).toEqual([]);
  });

  it('of the rest of a span, where bytes in its middle were there already', async () => {
    const { queue, begun, failures, ending, add, hold } = setUp();
    await add({ start: 100, end: 200 });
    await queue.drain();
    const letGo = hold();
    await add({ start: 0, end: 300 });
    const drained = queue.drain();
    expect(begun).toEqual(['100-200', '0-100']);
    ending.abort(new Error('the sink was closed'));
    letGo();
    await drained;
    expect(begun).toHaveLength(2);
    expect(failures).toEqual([ending.signal.reason]);
  });
});
