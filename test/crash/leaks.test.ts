import { readdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDownloadEvents, createDownloadStream, downloadFile } from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { latency, reset, stall } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { count, FIRST_SEED, inLanes, openDirectory, pick, randomFrom, report } from './suite.js';

const DOWNLOADS = count('CRASH_LEAK_DOWNLOADS', 100, 1000);
/** In the short form the servers close idle connections; in the whole the pools have to. */
const IDLE_CLOSE_MS = count('CRASH_LEAK_IDLE_MS', 100, 60_000);
const ABORT_LIMIT_MS = 250;

let directory: Awaited<ReturnType<typeof openDirectory>>;
let servers: Record<'good' | 'slow' | 'missing' | 'failing' | 'silent', RangeServer>;

beforeAll(async () => {
  directory = await openDirectory();
  const object = ramp(400_000);
  const idle = { idleCloseMs: IDLE_CLOSE_MS };
  servers = {
    good: await rangeServer(object, [], idle),
    slow: await rangeServer(object, [latency({ ms: 20 })], { ...idle, bytesPerSecond: 500_000 }),
    missing: await rangeServer(object, [status(404, { times: Number.POSITIVE_INFINITY })], idle),
    failing: await rangeServer(object, [reset({ times: Number.POSITIVE_INFINITY })], idle),
    silent: await rangeServer(object, [stall({ times: Number.POSITIVE_INFINITY, afterBytes: 1000 })], idle),
  };
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.close()));
  await directory.remove();
});

/** Descriptors of this process, and what keeps its event loop alive. */
function held(): { descriptors: number; resources: Record<string, number> } {
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  return { descriptors, resources };
}

function openSockets(): number {
  return Object.values(servers).reduce((sum, server) => sum + server.openSockets(), 0);
}

const signals = ['SIGINT', 'SIGTERM', 'exit', 'uncaughtException', 'warning'];
const processListeners = () => signals.map((name) => process.listenerCount(name)).join();

it(`${DOWNLOADS} downloads that succeed, fail and are aborted leave nothing open, and an abort settles at once`, {
  timeout: 30_000 + DOWNLOADS * 200,
}, async () => {
  const abortMs: number[] = [];
  const settled = { success: 0, failure: 0, abort: 0 };
  const warnings: Error[] = [];
  process.on('warning', (warning) => warnings.push(warning));

  const run = async (seed: number) => {
    const random = randomFrom(seed);
    const kind = pick(random, ['good', 'good', 'slow', 'slow', 'silent', 'missing', 'failing'] as const);
    const isAborted = kind === 'silent' || (kind === 'slow' && random() < 0.8);
    const ending = new AbortController();
    const events = createDownloadEvents();
    const file = join(directory.path, String(seed));
    const options = {
      ...{
        partSize: 102_400,
        concurrency: pick(random, [1, 4, 12]),
        retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 2 },
      },
      ...{ signal: ending.signal, events },
    };
    const verb = pick(random, ['file', 'stream', 'spool'] as const);
    const work = async () => {
      if (verb === 'file') return await downloadFile(servers[kind].url, file, { ...options, durability: 'none' });
      const spool = verb === 'spool' ? { spool: file } : {};
      const stream = createDownloadStream(servers[kind].url, { ...options, ...spool });
      for await (const _chunk of stream);
      return await stream.result;
    };
    const running = work().then(
      () => 'success' as const,
      (error: unknown) => (error === ending.signal.reason ? ('abort' as const) : ('failure' as const)),
    );
    if (isAborted) {
      await sleep(random() * 60);
      const startMs = performance.now();
      ending.abort(new Error('enough'));
      const outcome = await running;
      if (outcome === 'abort') abortMs.push(performance.now() - startMs);
    }
    settled[await running] += 1;
  };

  // What is loaded and opened once and for all.
  await inLanes(4, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], run);
  await untilIdle();
  const [before, listenersBefore] = [held(), processListeners()];
  Object.assign(settled, { success: 0, failure: 0, abort: 0 });
  abortMs.length = 0;

  await inLanes(
    4,
    Array.from({ length: DOWNLOADS }, (_, round) => FIRST_SEED + round),
    run,
  );
  await untilIdle();
  const after = held();
  abortMs.sort((a, b) => a - b);
  const p99Ms = abortMs[Math.floor(abortMs.length * 0.99)] ?? Number.NaN;
  report(
    `leaks after ${DOWNLOADS} downloads (${settled.success} right, ${settled.failure} failed, ${settled.abort} aborted): ` +
      `descriptors ${after.descriptors - before.descriptors}, sockets ${openSockets()}, abort p99 ${p99Ms.toFixed(0)} ms`,
  );
  expect(after).toEqual(before);
  expect(openSockets()).toBe(0);
  expect(processListeners()).toBe(listenersBefore);
  expect(warnings).toEqual([]);
  expect(Math.min(...Object.values(settled))).toBeGreaterThan(0);
  expect(p99Ms).toBeLessThanOrEqual(ABORT_LIMIT_MS);
  // No lock stays; what failed or was aborted keeps its part file and its checkpoint.
  expect((await readdir(directory.path)).filter((name) => name.includes('.lock'))).toEqual([]);
  for (const name of await readdir(directory.path)) await rm(join(directory.path, name), { recursive: true });
});

/** Idle connections are given up after a while. */
async function untilIdle(): Promise<void> {
  for (let tries = 0; tries < 200 && openSockets() > 0; tries += 1) await sleep(50);
  await sleep(50);
}
