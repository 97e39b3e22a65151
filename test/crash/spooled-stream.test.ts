import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ramp } from '../fixtures/ramp.js';
import { type PacedServer, runToEnd, startServer, Worker } from './processes.js';
import { count, FIRST_SEED, inLanes, openDirectory, pick, randomFrom, report } from './suite.js';

const MiB = 1024 * 1024;
const SIZE = 16 * MiB + 4321;
const CONCURRENCY = 4;
const BYTES_PER_SECOND = 4 * MiB;
/** Beside other test files a process may have to wait for its turn to record what it has. */
const UNRECORDED_MS = count('CRASH_UNRECORDED_MS', 300, 100);
const BLOCK_BYTES = MiB / 2;
const TOLERATED_BYTES = CONCURRENCY * BLOCK_BYTES + CONCURRENCY * BYTES_PER_SECOND * (UNRECORDED_MS / 1000);
const ROUNDS = count('CRASH_SPOOLS', 4, 50);
const object = ramp(SIZE, 29);

let server: PacedServer;
let directory: Awaited<ReturnType<typeof openDirectory>>;

beforeAll(async () => {
  directory = await openDirectory();
  server = await startServer({ size: SIZE, seed: 29, bytesPerSecond: BYTES_PER_SECOND });
});
afterAll(async () => {
  await server.stop();
  await directory.remove();
});

it(`a spooled stream killed at ${ROUNDS} random moments is the same sequence of bytes in the next process, and only what was missing is fetched`, {
  timeout: 30_000 + ROUNDS * 5000,
}, async () => {
  const sha256 = object.sha256();
  let [identical, worstBytes, resumed] = [0, 0, 0];
  await inLanes(
    3,
    Array.from({ length: ROUNDS }, (_, round) => FIRST_SEED + round),
    async (seed) => {
      const random = randomFrom(seed);
      const [path, folder] = [`/${seed}`, join(directory.path, String(seed))];
      await mkdir(folder);
      const options = { concurrency: CONCURRENCY, partSize: pick(random, [MiB, 2 * MiB]), hedge: false };
      const job = { verb: 'stream', url: server.url(path), file: join(folder, 'spool'), options } as const;
      const worker = new Worker();
      await worker.give(job);
      await worker.until('planned');
      await sleep(random() * 900);
      expect(await worker.kill()).toMatchObject({ signal: 'SIGKILL' });

      const done = await runToEnd(job);
      expect(done).toMatchObject({ sha256, length: SIZE });
      expect((done.resumedBytes ?? 0) + (done.transferredBytes ?? 0)).toBeLessThanOrEqual(SIZE + MiB);
      const refetched = (await server.sentBytes(path)) - SIZE;
      worstBytes = Math.max(worstBytes, refetched);
      resumed += done.resumedBytes ?? 0;
      expect(refetched).toBeLessThanOrEqual(TOLERATED_BYTES);
      expect(await readdir(folder)).toEqual([]);
      identical += 1;
    },
  );
  report(
    `spooled streams: ${identical} of ${ROUNDS} identical after a kill, ${(resumed / MiB).toFixed(0)} MiB served from disk, worst refetch ${(worstBytes / MiB).toFixed(1)} MiB`,
  );
  expect(identical).toBe(ROUNDS);
  expect(resumed).toBeGreaterThan(0);
});
