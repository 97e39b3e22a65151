/**
 * The soak (T154, T155, T156, T157, T159): downloads for as many minutes as it is told, with faults on 1 % of the requests, processes that are killed
 * and run again, and servers that go away and come back under one pool of connections. Prints its counts and how the
 * memory grew; ends with 1 when a file was wrong or a download got stuck. Works offline, leaves nothing behind.
 *
 *     npm run test:soak -- --minutes 10 [--seed 1]
 */

import { randomInt } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createDownloadStream, downloadFile, ObjectChangedError } from '../../dist/index.js';
import { Worker } from '../crash/processes.js';
import { openDirectory, pick, randomFrom } from '../crash/suite.js';
import { status } from '../fixtures/answer-faults.js';
import { chunkedCut, cut, cutHeaders, latency, reset, resetHeaders, stall } from '../fixtures/connection-faults.js';
import { ramp, type TestObject } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';

const MiB = 1024 * 1024;
const PART = 256 * 1024;
const FAULT_CHANCE = 0.01;
const STUCK_MS = 60_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(randomInt(2 ** 30)) },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const endMs = performance.now() + minutes * 60_000;
const isOver = () => performance.now() >= endMs;

const totals = { downloads: 0, small: 0, bytes: 0, kills: 0, restarts: 0, replaced: 0, failed: 0, wrong: 0, stuck: 0 };
/** Megabytes held, by the minute. */
const samples: { minute: number; rss: number; heap: number }[] = [];
const directory = await openDirectory();

function faults(faultSeed: number) {
  const chance = (kind: number) => ({ probability: FAULT_CHANCE / 7, seed: faultSeed + kind });
  return [
    reset({ ...chance(0), afterBytes: 'random' }),
    cut({ ...chance(1), afterBytes: 'random' }),
    chunkedCut({ ...chance(2), afterBytes: 'random' }),
    stall({ ...chance(3), afterBytes: 'random' }),
    resetHeaders(chance(4)),
    cutHeaders({ ...chance(5), afterBytes: 30 }),
    status(503, { ...chance(6), retryAfter: 0 }),
    latency({ upToMs: 5, seed: faultSeed }),
  ];
}

const OPTIONS = {
  partSize: PART,
  concurrency: 6,
  retry: { attempts: 100, baseDelayMs: 5, maxDelayMs: 200 },
  timeouts: { headersMs: 1000, stallMs: 1000 },
};

function count(bytes: Buffer, objects: readonly TestObject[]): void {
  totals.downloads += 1;
  totals.bytes += bytes.length;
  if (!objects.some((object) => bytes.equals(object.slice()))) totals.wrong += 1;
}

/** Downloads of this process, one after the other, from a server that is away now and then. */
async function downloadInProcess(lane: number): Promise<void> {
  const random = randomFrom(seed + lane);
  const objects = [ramp(6 * MiB + 11, lane), ramp(6 * MiB + 11, lane + 50)] as const;
  const server = await rangeServer(objects[0], faults(seed + lane), { partSize: PART });
  const outages = async () => {
    while (!isOver()) {
      await sleep(500 + random() * 1500);
      await server.down();
      await sleep(random() * 300);
      await server.up();
      totals.restarts += 1;
    }
  };
  const running = outages();
  while (!isOver()) {
    // What was seen of earlier requests is not needed any more.
    server.requests.length = 0;
    if (random() < 0.02) {
      server.replaceObject(pick(random, objects));
      totals.replaced += 1;
    }
    await downloadOnce(server, join(directory.path, `lane-${lane}`), objects, random);
  }
  await running;
  await server.close();
}

async function downloadOnce(
  server: RangeServer,
  file: string,
  objects: readonly TestObject[],
  random: () => number,
): Promise<void> {
  const stuck = AbortSignal.timeout(STUCK_MS);
  // One in ten is aborted, and goes on in the next round.
  const signal = random() < 0.1 ? AbortSignal.any([stuck, AbortSignal.timeout(1 + Math.floor(random() * 200))]) : stuck;
  try {
    if (random() < 0.5) {
      await downloadFile(server.url, file, { ...OPTIONS, signal });
      count(await readFile(file), objects);
      await rm(file);
    } else {
      const spool = random() < 0.5 ? { spool: `${file}.spool` } : {};
      const stream = createDownloadStream(server.url, { ...OPTIONS, ...spool, signal });
      count(Buffer.concat(await stream.toArray()), objects);
      await stream.result;
    }
  } catch (error) {
    if (stuck.aborted) totals.stuck += 1;
    else if (!signal.aborted && !(error instanceof ObjectChangedError)) {
      totals.failed += 1;
      console.error(error);
    }
  }
}

/** Processes that are killed at random moments, or stopped for a while, until the file is there. */
async function downloadInProcesses(): Promise<void> {
  const random = randomFrom(seed + 1000);
  const object = ramp(12 * MiB + 5, 77);
  const server = await rangeServer(object, faults(seed + 1000), { partSize: PART, bytesPerSecond: 4 * MiB });
  const file = join(directory.path, 'killed');
  while (!isOver()) {
    server.requests.length = 0;
    for (let round = 0; ; round += 1) {
      const worker = new Worker();
      await worker.give({ url: server.url, file, options: OPTIONS });
      const isLast = round === 5;
      const waiting = sleep(isLast ? STUCK_MS : random() * 700, undefined, { ref: false });
      await Promise.race([worker.ended, waiting]);
      if (random() < 0.2) {
        worker.stop();
        await sleep(100);
        worker.proceed();
      }
      const { signal } = await worker.kill();
      if (signal === 'SIGKILL') totals.kills += 1;
      if (signal === 'SIGKILL' && isLast) totals.stuck += 1;
      if (signal !== 'SIGKILL' || isLast) break;
    }
    count(await readFile(file).catch(() => Buffer.alloc(0)), [object]);
    await rm(file, { force: true });
  }
  await server.close();
}

/** Small objects, thousands of them, over the same connections. */
async function downloadSmall(): Promise<void> {
  const object = ramp(30_000, 5);
  const server = await rangeServer(object);
  while (!isOver()) {
    server.requests.length = 0;
    count(Buffer.concat(await createDownloadStream(server.url).toArray()), [object]);
    totals.small += 1;
  }
  await server.close();
}

async function watchMemory(): Promise<void> {
  const startMs = performance.now();
  while (!isOver()) {
    await sleep(Math.min(10_000, minutes * 6000));
    (globalThis as { gc?: () => void }).gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    samples.push({ minute: (performance.now() - startMs) / 60_000, rss: rss / MiB, heap: heapUsed / MiB });
  }
}

/** Least squares over the second half, when everything is warm: MiB per hour. */
function slopePerHour(memory: 'rss' | 'heap'): number {
  const warm = samples.slice(Math.floor(samples.length / 2));
  const mean = (of: (sample: (typeof samples)[number]) => number) =>
    warm.reduce((sum, sample) => sum + of(sample), 0) / warm.length;
  const [minute, mib] = [mean((s) => s.minute), mean((s) => s[memory])];
  const above = warm.reduce((sum, s) => sum + (s.minute - minute) * (s[memory] - mib), 0);
  const below = warm.reduce((sum, s) => sum + (s.minute - minute) ** 2, 0);
  return below === 0 ? Number.NaN : (60 * above) / below;
}

try {
  console.log(`soak: ${minutes} minutes, seed ${seed}`);
  await Promise.all([
    downloadInProcess(1),
    downloadInProcess(2),
    downloadInProcesses(),
    downloadSmall(),
    watchMemory(),
  ]);
  const { downloads, small, bytes, kills, restarts, replaced, failed, wrong, stuck } = totals;
  console.log(
    `soak: ${downloads} downloads, ${small} of them small (${(bytes / MiB).toFixed(0)} MiB), ${kills} kills, ${restarts} server restarts, ` +
      `${replaced} replaced objects, failed ${failed}, wrong ${wrong}, stuck ${stuck}`,
  );
  const [last] = samples.slice(-1);
  console.log(
    `soak: RSS ${last?.rss.toFixed(0)} MiB at the end, heap ${last?.heap.toFixed(1)} MiB; over the second half ` +
      `${slopePerHour('rss').toFixed(1)} and ${slopePerHour('heap').toFixed(1)} MiB/h, the servers in the process included`,
  );
  process.exitCode = wrong + stuck + failed > 0 || downloads === 0 ? 1 : 0;
} finally {
  await directory.remove();
}
