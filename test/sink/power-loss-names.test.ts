import { describe, expect, it } from 'vitest';
import { openSink } from '../../src/sink/open-checkpoint-sink.js';
import { destination, heldLock, PowerLossFileSystem, randomFrom } from './power-loss-file-ops.js';
import { chunksOf, feed, objectOf, rampBytes } from './sink-fixture.js';

const SIZE = 4321;
const bytes = rampBytes(SIZE);
function open(disk: PowerLossFileSystem, overwrite: boolean) {
  const options = { durability: 'strict', overwrite, destination, lock: heldLock(), fileOps: disk.ops } as const;
  return openSink(destination.path, objectOf(SIZE), options);
}

describe.each([
  ['with', true],
  ['without', false],
])('a power failure while a file is published %s overwrite', (_with, overwrite) => {
  // What the other tests of power failures cannot tell from an early failure: the next download makes up for it.
  it('the old name goes only after the new one is on disk: a power failure must not take both', async () => {
    let [interrupted, found, kept] = [0, 0, 0];
    let isReported = false;
    for (let calls = 0; !isReported; calls++) {
      for (let seed = 1; seed <= 20; seed++) {
        const disk = new PowerLossFileSystem();
        const sink = await open(disk, overwrite);
        // Recorded, and on disk.
        await feed(sink, chunksOf(bytes));
        disk.callsLeft = calls;
        isReported = await sink.publish().then(
          () => true,
          () => false,
        );
        disk.restart(randomFrom(calls * 20 + seed));
        if (!isReported) interrupted += 1;
        const where = `${calls} calls, seed ${seed}`;
        if (disk.read(destination.path) !== undefined) {
          expect(disk.read(destination.path)?.equals(bytes), where).toBe(true);
          found += 1;
          continue;
        }
        const next = await open(disk, overwrite);
        expect(next.missing(), where).toEqual([]);
        await next.close();
        kept += 1;
      }
    }
    expect(interrupted).toBeGreaterThan(100);
    expect(found).toBeGreaterThan(20);
    expect(kept).toBeGreaterThan(20);
  });
});
