import { describe, expect, it } from 'vitest';
import type { SinkSetup } from '../../src/sink/checkpoint-sink-options.js';
import { openSink } from '../../src/sink/open-checkpoint-sink.js';
import { destination, heldLock, PowerLossFileSystem, randomFrom } from './power-loss-file-ops.js';
import { chunksOf, MiB, objectOf, rampBytes } from './sink-fixture.js';

const SIZE = 2 * MiB + 4321;
const bytes = rampBytes(SIZE);
const old = Buffer.from('the old file');
/** One process: opens, checks, fetches what is missing in a random order, publishes. */
async function download(disk: PowerLossFileSystem, random: () => number, options: SinkSetup): Promise<void> {
  const given = { ...options, destination, lock: heldLock(), fileOps: disk.ops };
  const sink = await openSink(destination.path, objectOf(SIZE), given);
  try {
    await sink.recheck();
    const chunks = chunksOf(bytes, sink.missing(), 200_000).map((chunk) => ({ chunk, key: random() }));
    for (const { chunk } of chunks.sort((a, b) => a.key - b.key)) {
      sink.write(chunk);
      if (random() < 0.3) await sink.flush();
    }
    await sink.publish();
  } finally {
    await sink.close();
  }
}

describe('a power failure', () => {
  it.each(['none', 'checkpoint', 'strict'] as const)(
    'at any call leaves the old file, or the whole new one, and never stops the next download (%s)',
    async (durability) => {
      let [interrupted, published] = [0, 0];
      for (let seed = 1; seed <= 60; seed++) {
        const random = randomFrom(seed);
        const disk = new PowerLossFileSystem();
        const overwrite = random() < 0.5;
        if (overwrite) disk.put(destination.path, old);
        for (let crash = 0; crash < 3; crash++) {
          disk.callsLeft = Math.floor(random() * 60);
          const isReported = await download(disk, random, { durability, overwrite }).then(
            () => true,
            () => false,
          );
          disk.restart(random);
          const there = disk.read(destination.path);
          if (isReported) {
            // Invariant: success is reported only after the new name is on disk.
            expect(there?.equals(bytes), `seed ${seed}`).toBe(true);
            published += 1;
            break;
          }
          interrupted += 1;
          const isOld = overwrite ? there?.equals(old) : there === undefined;
          expect(isOld || there?.equals(bytes), `seed ${seed}`).toBe(true);
        }
        if (disk.read(destination.path)?.equals(bytes)) continue;
        await download(disk, random, { durability, overwrite });
        expect(disk.read(destination.path)?.equals(bytes), `seed ${seed}`).toBe(true);
      }
      expect(interrupted).toBeGreaterThan(50);
      expect(published).toBeGreaterThan(5);
    },
  );

  it('a published file whose crash came too early to say so is found complete without overwrite', async () => {
    let found = 0;
    for (let calls = 20; calls < 80; calls++) {
      const disk = new PowerLossFileSystem();
      disk.callsLeft = calls;
      const run = download(disk, randomFrom(calls), { overwrite: false });
      const isReported = await run.then(
        () => true,
        () => false,
      );
      disk.restart(() => 0.999);
      if (isReported || disk.read(destination.path) === undefined) continue;
      found += 1;
      await download(disk, randomFrom(calls), { overwrite: false });
      expect(disk.read(destination.path)?.equals(bytes)).toBe(true);
      expect(disk.read(destination.partPath)).toBeUndefined();
      expect(disk.read(destination.checkpointPath)).toBeUndefined();
    }
    expect(found).toBeGreaterThan(0);
  });
});
