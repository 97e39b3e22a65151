import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadFile } from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { stall } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { failureOf, serve } from './download-bench.js';

let directory: string;
let destination: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lost-lock-'));
  destination = join(directory, 'object.bin');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** What a process of another machine does once it takes this one for dead: it takes the lock. */
async function takeLock(): Promise<string> {
  const [lock, owner] = [`${destination}.part.lock`, `owner-${randomBytes(16).toString('hex')}`];
  await rm(lock, { recursive: true });
  await mkdir(lock);
  await writeFile(join(lock, owner), JSON.stringify({ pid: 1, threadId: 0, hostname: 'elsewhere' }));
  return owner;
}

/** Then it begins a file of its own. */
async function beginFile(): Promise<void> {
  await rm(`${destination}.part`);
  await writeFile(`${destination}.part`, 'of the successor');
}

describe('a download of unknown size that has lost its lock', () => {
  it.each([
    ['has begun a file of its own', true],
    ['has the lock and no file yet', false],
  ])("when it is aborted: a file that may be a successor's by now is not removed (it %s)", async (_what, hasBegun) => {
    const faults = [ignoreRange(), stall({ afterBytes: 500_000 })];
    const server = await serve(ramp(3_000_000), faults, { noContentLength: true });
    const controller = new AbortController();
    const aborted = failureOf(downloadFile(server.url, destination, { signal: controller.signal }));
    const writtenBytes = () => stat(`${destination}.part`).then(({ size }) => size);
    await expect.poll(() => writtenBytes().catch(() => 0), { interval: 5 }).toBeGreaterThan(0);

    // Before the next sign of life tells it that the lock is gone.
    const owner = await takeLock();
    if (hasBegun) await beginFile();
    controller.abort(new Error('enough'));
    expect(await aborted).toBe(controller.signal.reason);

    expect((await readdir(directory)).sort()).toEqual(['object.bin.part', 'object.bin.part.lock']);
    const left = await readFile(`${destination}.part`, 'utf8');
    expect(left === 'of the successor').toBe(hasBegun);
    expect(await readdir(`${destination}.part.lock`)).toEqual([owner]);
  });
});
