import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DownloadFileOptions } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { type PacedServer, runToEnd, startServer, Worker } from './processes.js';
import { count, FIRST_SEED, inLanes, openDirectory, pick, randomFrom, report } from './suite.js';

const MiB = 1024 * 1024;
const BLOCK_BYTES = MiB / 2;
const SIZE = 24 * MiB + 54_321;
const CONCURRENCY = 4;
/** Of each connection. */
const BYTES_PER_SECOND = 4 * MiB;
/** Beside other test files a process may have to wait for its turn to record what it has. */
const UNRECORDED_MS = count('CRASH_UNRECORDED_MS', 300, 100);
const UNRECORDED_TRAFFIC = CONCURRENCY * BYTES_PER_SECOND * (UNRECORDED_MS / 1000);
/** The server writes 20 ms worth at a time: so much it has sent, and nobody had received, when the process ended. */
const ON_THEIR_WAY = CONCURRENCY * BYTES_PER_SECOND * 0.02;
const KILLS = count('CRASH_KILLS', 20, 500);
const KILLS_OF_ONE_FILE = count('CRASH_KILLS_OF_ONE_FILE', 4, 50);
const LANES = 4;
const STUCK_MS = 60_000;
const object = ramp(SIZE, 17);

let server: PacedServer;
let directory: Awaited<ReturnType<typeof openDirectory>>;

beforeAll(async () => {
  directory = await openDirectory();
  server = await startServer({ size: SIZE, seed: 17, bytesPerSecond: BYTES_PER_SECOND });
});
afterAll(async () => {
  await server.stop();
  await directory.remove();
});

interface Plan {
  readonly options: DownloadFileOptions;
  readonly kills: number;
  /** Undefined where hedging sends bytes twice without any kill. */
  readonly toleratedBytes: number | undefined;
}

function planOf(random: () => number): Plan {
  const partSize = pick(random, [MiB, 2 * MiB, 5 * MiB, 1_300_003]);
  const hedge = random() < 0.3;
  const durability = pick(random, ['none', 'checkpoint', 'strict'] as const);
  // A part that begins within a block keeps the block before it open, too.
  const openBlocks = partSize % BLOCK_BYTES === 0 ? CONCURRENCY : 2 * CONCURRENCY;
  return {
    options: { partSize, hedge, durability, concurrency: CONCURRENCY },
    kills: 2 + Math.floor(random() * 7),
    toleratedBytes: hedge ? undefined : openBlocks * BLOCK_BYTES + UNRECORDED_TRAFFIC + ON_THEIR_WAY,
  };
}

it(`a process killed at ${KILLS} random moments leaves files that the next one completes, and little is fetched twice`, {
  timeout: 30_000 + KILLS * 3000,
}, async () => {
  const totals = { kills: 0, corrupt: 0, stuck: 0, leftovers: 0, files: 0, worstBytes: 0, overBytes: 0 };

  const downloadUnderFire = async (seed: number) => {
    const random = randomFrom(seed);
    const { options, kills, toleratedBytes } = planOf(random);
    const path = `/${seed}`;
    const folder = join(directory.path, String(seed));
    const job = { url: server.url(path), file: join(folder, 'file'), options };
    let [hadBytes, sentBefore, killsSince] = [0, 0, 0];
    /** What a run found, compared with what had been sent until it began. */
    const account = (resumedBytes: number, sentBytes: number) => {
      const refetched = hadBytes + sentBytes - sentBefore - resumedBytes;
      if (toleratedBytes !== undefined && killsSince > 0) {
        totals.worstBytes = Math.max(totals.worstBytes, refetched / killsSince);
        if (refetched > toleratedBytes * killsSince) totals.overBytes += 1;
      }
      [hadBytes, sentBefore, killsSince] = [resumedBytes, sentBytes, 0];
    };
    for (let round = 0; ; round += 1) {
      const worker = new Worker();
      await worker.until('ready');
      const sentBytes = await server.sentBytes(path);
      const isLast = round === kills;
      // Some moments are those of the opening, the others are anywhere.
      const delayMs = isLast ? STUCK_MS : random() * (random() < 0.2 ? 30 : 600);
      await worker.give(job);
      const timer = new AbortController();
      await Promise.race([worker.ended, sleep(delayMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
      const { signal } = await worker.kill();
      const planned = worker.said.find(({ name }) => name === 'planned');
      if (planned !== undefined) account(planned.resumedBytes ?? 0, sentBytes);
      if (signal === 'SIGKILL') {
        if (isLast) totals.stuck += 1;
        totals.kills += 1;
        killsSince += 1;
      }
      if (signal !== 'SIGKILL' || isLast) break;
    }
    totals.files += 1;
    const bytes = await readFile(job.file).catch(() => Buffer.alloc(0));
    if (!bytes.equals(object.slice())) totals.corrupt += 1;
    // One that died before it had written who it is cannot be judged yet: its place in the queue goes when it is stale.
    const left = (await readdir(folder)).filter((name) => name !== 'file' && name !== 'file.part.lock.new');
    if (left.length > 0) totals.leftovers += 1;
    await rm(folder, { recursive: true, force: true });
  };

  const seeds = (function* () {
    for (let seed = FIRST_SEED; totals.kills < KILLS; seed += 1) yield seed;
  })();
  await inLanes(LANES, seeds, downloadUnderFire);
  const { kills, files, corrupt, stuck, worstBytes } = totals;
  const mib = (bytes: number) => (bytes / MiB).toFixed(1);
  report(
    `random kills: ${kills} in ${files} files, corrupt ${corrupt}, stuck ${stuck}, worst refetch ${mib(worstBytes)} MiB a kill`,
  );
  expect(totals).toMatchObject({ corrupt: 0, stuck: 0, leftovers: 0, overBytes: 0 });
  expect(kills).toBeGreaterThanOrEqual(KILLS);
});

it(`${KILLS_OF_ONE_FILE} kills of one file in a row leave it right and its journal short (T099)`, {
  timeout: 120_000,
}, async () => {
  const file = join(directory.path, 'again', 'file');
  const job = { url: server.url('/again'), file, options: { concurrency: CONCURRENCY, partSize: MiB } };
  let longest = 0;
  for (let round = 0; round < KILLS_OF_ONE_FILE; round += 1) {
    const worker = new Worker();
    await worker.give(job);
    await worker.until('planned');
    await sleep(round % 3 === 0 ? 5 : 0);
    await worker.kill();
    const journal = await readFile(`${file}.part.checkpoint`).catch(() => Buffer.alloc(0));
    longest = Math.max(longest, journal.length);
  }
  await runToEnd(job);
  expect((await readFile(file)).equals(object.slice())).toBe(true);
  expect(longest).toBeLessThan(8192);
});
