import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DestinationError } from '../../src/errors.js';
import type { ObjectInfo } from '../../src/object-info.js';
import type { SinkSetup } from '../../src/sink/checkpoint-sink-options.js';
import { openSink } from '../../src/sink/open-checkpoint-sink.js';
import { destination, heldLock, PowerLossFileSystem } from '../sink/power-loss-file-ops.js';
import { chunksOf, MiB, objectOf, rampBytes } from '../sink/sink-fixture.js';
import { count, FIRST_SEED, pick, randomFrom, report } from './suite.js';

const LOSSES = count('CRASH_POWER_LOSSES', 200, 10_000);
const OLD = Buffer.from('the old file');
const SIZES = [1234, MiB, 1.5 * MiB, 2 * MiB + 4321];
const contents = new Map(SIZES.map((size) => [size, [rampBytes(size), rampBytes(size, 100)]]));
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Run {
  readonly disk: PowerLossFileSystem;
  readonly random: () => number;
  readonly bytes: Buffer;
  readonly object: ObjectInfo;
  readonly options: SinkSetup;
}

/** One process: opens, compares, writes what is missing in a random order, publishes. */
async function download({ disk, random, bytes, object, options }: Run): Promise<void> {
  const given = { ...options, destination, lock: heldLock(), fileOps: disk.ops };
  const sink = await openSink(destination.path, object, given);
  try {
    if (random() < 0.7) await sink.recheck();
    const missing = sink.missing();
    const chunks = chunksOf(bytes, missing, pick(random, [70_001, 400_000])).map((chunk) => ({ chunk, at: random() }));
    for (const { chunk } of chunks.sort((a, b) => a.at - b.at)) {
      sink.write(chunk);
      const luck = random();
      if (luck < 0.2) await sink.flush();
      // The records, or a group commit in the midst of the writes.
      else if (luck < 0.3) vi.advanceTimersByTime(luck < 0.25 ? 100 : 10_000);
    }
    await sink.flush();
    for (const { start, end } of await sink.recheck()) {
      for (const chunk of chunksOf(bytes, [{ start, end }])) sink.write(chunk);
    }
    await sink.publish();
  } finally {
    await sink.close();
  }
}

it.each(['none', 'checkpoint', 'strict'] as const)(
  `${LOSSES} power losses leave the old file or the whole new one, and the next download right (%s)`,
  { timeout: 30_000 + LOSSES * 100 },
  async (durability) => {
    const totals = { losses: 0, disks: 0, published: 0, corrupt: 0, stuck: 0, lostRecords: 0 };
    for (let seed = FIRST_SEED; totals.losses < LOSSES; seed += 1) {
      const random = randomFrom(seed);
      const disk = new PowerLossFileSystem();
      const size = pick(random, SIZES);
      const overwrite = random() < 0.5;
      const hasOld = overwrite && random() < 0.5;
      if (hasOld) disk.put(destination.path, OLD);
      const [first = OLD, second = OLD] = contents.get(size) ?? [];
      let [bytes, object] = [first, objectOf(size)];
      /** What a strict download had announced as recorded: a power loss must not take it. */
      let promisedBytes = 0;
      const options: SinkSetup = {
        durability,
        overwrite,
        checksumAlgorithm: pick(random, ['crc32', 'crc64ecma']),
        onCheckpointed: (completedBytes) => {
          promisedBytes = durability === 'strict' ? completedBytes : 0;
        },
      };
      const hasNew = () => disk.read(destination.path)?.equals(bytes) === true;
      const hasNothingNew = () => {
        const there = disk.read(destination.path);
        return hasOld ? there?.equals(OLD) === true : there === undefined;
      };
      totals.disks += 1;
      for (let loss = 0; loss < 4 && !hasNew(); loss += 1) {
        disk.callsLeft = Math.floor(random() * 70);
        const run = { disk, random, bytes, object, options };
        const isReported = await download(run).then(
          () => true,
          () => false,
        );
        disk.restart(random);
        totals.losses += 1;
        if (isReported) totals.published += 1;
        // Success is reported only after the new name is on disk.
        if (isReported ? !hasNew() : !hasNew() && !hasNothingNew()) totals.corrupt += 1;
        if (hasNew()) break;
        if (promisedBytes > 0 && (await recordedBytes(run)) < promisedBytes) totals.lostRecords += 1;
        promisedBytes = 0;
        // Now and then the object is another one when the power is back.
        if (random() < 0.1) [bytes, object] = [second, objectOf(size, { etag: '"two"' })];
      }
      if (!hasNew() || disk.read(destination.partPath) !== undefined) {
        const wasThere = hasNew();
        const error = await download({ disk, random, bytes, object, options }).catch((reason: unknown) => reason);
        // Without a synced journal nobody can tell whose the complete file is, and `overwrite: false` protects it.
        const isProtected = wasThere && !overwrite && error instanceof DestinationError;
        if (error !== undefined && !isProtected) totals.stuck += 1;
        else if (!hasNew()) totals.corrupt += 1;
      }
    }
    const { losses, disks, published, corrupt, stuck, lostRecords } = totals;
    report(
      `power losses (${durability}): ${losses} on ${disks} disks, ${published} after success, corrupt ${corrupt}, stuck ${stuck}, lost records ${lostRecords}`,
    );
    expect(totals).toMatchObject({ corrupt: 0, stuck: 0, lostRecords: 0 });
    expect(published).toBeGreaterThan(0);
  },
);

/** What the next process finds recorded and right. */
async function recordedBytes({ disk, object, options }: Run): Promise<number> {
  const given = { ...options, onCheckpointed: () => undefined, destination, lock: heldLock(), fileOps: disk.ops };
  const sink = await openSink(destination.path, object, given);
  const damaged = await sink.recheck();
  const bytes = [...sink.completed].reduce((sum, { start, end }) => sum + end - start, 0);
  await sink.close();
  expect(damaged).toEqual([]);
  return bytes;
}
