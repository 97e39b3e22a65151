import { readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ramp } from '../fixtures/ramp.js';
import { type Job, type PacedServer, runToEnd, startServer, Worker } from './processes.js';
import { openDirectory } from './suite.js';

const MiB = 1024 * 1024;
const SIZE = 10 * MiB + 77;
const object = ramp(SIZE, 5);

let server: PacedServer;
let directory: Awaited<ReturnType<typeof openDirectory>>;

beforeAll(async () => {
  directory = await openDirectory();
  server = await startServer({ size: SIZE, seed: 5, bytesPerSecond: 3 * MiB });
});
afterAll(async () => {
  await server.stop();
  await directory.remove();
});

function jobOf(name: string): Job {
  const file = join(directory.path, name, 'file');
  return { url: server.url(`/${name}`), file, options: { concurrency: 4, partSize: MiB } };
}

/** Gives it the job, and resolves once blocks are recorded. */
async function startUntilRecorded(job: Job): Promise<Worker> {
  const worker = new Worker();
  await worker.give(job);
  expect(await worker.until('checkpointed')).toBeDefined();
  return worker;
}

async function expectResumed(job: Job): Promise<number> {
  const { resumedBytes = 0 } = await runToEnd(job);
  expect((await readFile(job.file)).equals(object.slice())).toBe(true);
  expect(await readdir(join(job.file, '..'))).toEqual(['file']);
  expect(resumedBytes).toBeGreaterThan(0);
  return resumedBytes;
}

it.concurrent('SIGTERM ends a download by its default disposition, and the next one goes on (T096)', async () => {
  const job = jobOf('terminated');
  const worker = await startUntilRecorded(job);
  expect(await worker.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
  await expect(stat(job.file)).rejects.toThrow('ENOENT');
  await expectResumed(job);
});

it.concurrent('process.exit() in a listener ends the download, and the next one goes on (T097)', async () => {
  const job = jobOf('exited');
  const worker = new Worker();
  await worker.give({ ...job, exitAt: 'checkpointed' });
  expect(await worker.ended).toEqual({ code: 7, signal: null });
  // The lock was given back on the way out.
  expect((await readdir(join(job.file, '..'))).sort()).toEqual(['file.part', 'file.part.checkpoint']);
  await expectResumed(job);
});

it.concurrent('a part file that was cut to half between two runs has only the lost blocks fetched again (T072)', async () => {
  const job = jobOf('halved');
  const worker = await startUntilRecorded(job);
  await sleep(300);
  await worker.kill();
  const { size } = await stat(`${job.file}.part`);
  const sent = await server.sentBytes('/halved');
  await truncate(`${job.file}.part`, Math.floor(size / 2));
  await expectResumed(job);
  // What was below the cut was not fetched again.
  expect((await server.sentBytes('/halved')) - sent).toBeLessThanOrEqual(SIZE - MiB);
});

it.concurrent('a lock whose owner was killed is taken over at once, and one of a stopped process is not (T159)', async () => {
  const job = jobOf('stopped');
  const worker = await startUntilRecorded(job);
  worker.stop();
  const second = new Worker();
  await second.give(job);
  expect(await second.until('failed')).toMatchObject({ code: 'PS_ERR_LOCKED' });
  worker.proceed();
  expect(await worker.until('completed')).toBeDefined();
  expect((await readFile(job.file)).equals(object.slice())).toBe(true);
  await worker.ended;
});
