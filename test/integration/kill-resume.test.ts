/**
 * Downloads that are killed at a random moment and run again. What was fetched twice is counted at the server: the
 * bytes it sent to both processes, less the size of the object.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObsServerAnnouncement, ObsServerConfig, ObsServerTally } from '../fixtures/obs-server-main.js';
import { ramp } from '../fixtures/ramp.js';
import { type DownloadJob, runDownload, startAndKill } from './download-process.js';
import { startNginx } from './nginx.js';
import { sha256OfFile, writeNoise } from './noise-file.js';

const MiB = 1024 * 1024;
const SIZE = 200 * MiB + 54_321;
const CONCURRENCY = 8;
/** Both servers give it to each connection. */
const BYTES_PER_SECOND = 8 * MiB;
const DOWNLOAD_MS = (SIZE / BYTES_PER_SECOND / CONCURRENCY) * 1000;
const BLOCK_BYTES = MiB / 2;
const TOLERATED_BYTES = CONCURRENCY * BLOCK_BYTES + CONCURRENCY * BYTES_PER_SECOND * 0.1;
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 25);

interface Subject {
  readonly sha256: string;
  readonly job: Omit<DownloadJob, 'file'>;
  /** Bytes of bodies that it has sent so far. */
  sentBytes(): Promise<number>;
  stop(): Promise<void>;
}

async function nginxSubject(): Promise<Subject> {
  const nginx = await startNginx();
  const sha256 = await writeNoise(join(nginx.root, 'object.bin'), SIZE, 5);
  return {
    sha256,
    job: { url: nginx.url('slow', 'object.bin') },
    sentBytes: async () => (await nginx.served()).reduce((sum, { bodyBytes }) => sum + bodyBytes, 0),
    stop: nginx.stop,
  };
}

async function obsSubject(): Promise<Subject> {
  const seed = 11;
  const config: ObsServerConfig = {
    bytesPerSecond: BYTES_PER_SECOND,
    buckets: { bucket: {} },
    objects: [{ bucket: 'bucket', key: 'object.bin', size: SIZE, seed }],
  };
  const main = new URL('../fixtures/obs-server-main.ts', import.meta.url).pathname;
  const server: ChildProcess = spawn(process.execPath, ['--import', 'tsx', main, JSON.stringify(config)], {
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
  const [line] = await once(createInterface(server.stdout as Readable), 'line');
  const { endpoint, accessKeyId, secretAccessKey }: ObsServerAnnouncement = JSON.parse(line);
  return {
    sha256: ramp(SIZE, seed).sha256(),
    job: { obs: { endpoint, bucket: 'bucket', key: 'object.bin', credentials: { accessKeyId, secretAccessKey } } },
    sentBytes: async () => {
      server.send('tally');
      const [tally]: ObsServerTally[] = await once(server, 'message');
      return tally?.bytesSent ?? Number.NaN;
    },
    stop: async () => {
      const exit = once(server, 'exit');
      server.kill('SIGTERM');
      await exit;
    },
  };
}

/** mulberry32; the first number. */
function randomOf(seed: number): number {
  const state = (seed + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

describe.each([
  ['nginx', nginxSubject],
  ['the embedded OBS server', obsSubject],
])('a download from %s that is killed with SIGKILL and run again', (name, open) => {
  let subject: Subject;
  let directory: string;
  let rightFiles = 0;
  const refetched: number[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'partstream-kill-'));
    subject = await open();
  });
  afterAll(async () => {
    await subject.stop();
    await rm(directory, { recursive: true, force: true });
    const mib = (bytes: number) => (bytes / MiB).toFixed(1);
    const mean = refetched.reduce((sum, bytes) => sum + bytes, 0) / refetched.length;
    console.log(
      `${name}: ${rightFiles} of ${ROUNDS} files right; fetched twice: ${mib(mean)} MiB on average, ` +
        `${mib(Math.max(...refetched))} MiB at most, ${mib(TOLERATED_BYTES)} MiB tolerated`,
    );
  });

  const firstSeed = Number(process.env.KILL_SEED ?? randomInt(2 ** 31));
  const seeds = Array.from({ length: ROUNDS }, (_, round) => firstSeed + round);
  it.each(seeds)(
    'at a random moment (seed %i) re-fetches at most concurrency x 512 KiB and 100 ms of traffic',
    async (seed) => {
      const folder = join(directory, String(seed));
      // Hedging may send bytes twice without any kill: here only the kills count.
      const job = {
        ...subject.job,
        file: join(folder, 'download'),
        options: { concurrency: CONCURRENCY, hedge: false },
      };
      const before = await subject.sentBytes();
      await startAndKill(job, randomOf(seed) * 0.9 * DOWNLOAD_MS);
      const result = await runDownload(job);

      const refetchedBytes = (await subject.sentBytes()) - before - SIZE;
      refetched.push(refetchedBytes);
      expect(await sha256OfFile(job.file)).toBe(subject.sha256);
      rightFiles += 1;
      expect(result.resumedBytes + result.transferredBytes).toBeGreaterThanOrEqual(SIZE);
      expect(refetchedBytes).toBeLessThanOrEqual(TOLERATED_BYTES);
      expect(await readdir(folder)).toEqual(['download']);
      await rm(folder, { recursive: true });
    },
  );
});
