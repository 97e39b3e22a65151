import { statSync, watch } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChecksumError, downloadFile, LockedError } from '../../src/index.js';
import { acquireDestinationLock } from '../../src/sink/lock.js';
import { stall } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { rangeServer } from '../fixtures/range-server.js';

const KIB = 1024;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'small-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** What stands beside the destination while the end of the object is awaited. */
async function namesWhileWaiting(size: number, partSize?: number): Promise<string[]> {
  const server = await rangeServer(ramp(size), [stall({ offset: size - 1, afterBytes: 50 * KIB })]);
  const controller = new AbortController();
  const options = { signal: controller.signal, retry: { attempts: 1 }, ...(partSize !== undefined && { partSize }) };
  const download = downloadFile(server.url, join(directory, 'object'), options);
  download.catch(() => {});
  // Nothing is written before the checkpoint is there, if there is to be one.
  await expect
    .poll(() => statSync(join(directory, 'object.part'), { throwIfNoEntry: false })?.size ?? 0)
    .toBeGreaterThan(0);
  const names = await readdir(directory);
  controller.abort(new Error('seen enough'));
  await expect(download).rejects.toThrow('seen enough');
  await server.close();
  return names.sort();
}

describe('a small object', () => {
  it('takes one request, and no checkpoint when one response brings less than a block', async () => {
    expect(await namesWhileWaiting(200 * KIB)).toEqual(['object.part', 'object.part.lock']);
    expect(await readdir(directory)).toEqual([]);
    const server = await rangeServer(ramp(200 * KIB));
    await downloadFile(server.url, join(directory, 'object'));
    expect(server.requests).toHaveLength(1);
    await server.close();
  });

  // "At once" is within 100 ms, which a busy machine may miss.
  it('that comes at once needs no lock: nothing but the file is ever beside the destination', {
    retry: 5,
  }, async () => {
    const server = await rangeServer(ramp(200 * KIB));
    const seen = new Set<string>();
    const watcher = watch(directory, (_event, name) => seen.add(name ?? ''));
    const { requests, path } = await downloadFile(server.url, join(directory, 'object'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    watcher.close();
    expect(requests).toBe(1);
    expect((await readFile(path ?? '')).equals(ramp(200 * KIB).slice(0, 200 * KIB))).toBe(true);
    expect([...seen].filter((name) => !/^object(?:\.part\.[0-9a-f]+)?$/.test(name))).toEqual([]);
    expect(await readdir(directory)).toEqual(['object']);
    await server.close();
  });

  it('waits its turn like any other: a destination that is locked on disk, or claimed by this process, is refused', async () => {
    const server = await rangeServer(ramp(200 * KIB), [], { bytesPerSecond: 4 * KIB * KIB });
    const path = join(directory, 'object');
    // Whichever of the two comes first, the other one is refused.
    const both = await Promise.allSettled([downloadFile(server.url, path), downloadFile(server.url, path)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toHaveProperty('reason', expect.any(LockedError));
    const lock = await acquireDestinationLock({ path, lockPath: `${path}.part.lock` }, { waitMs: 0 });
    const before = server.requests.length;
    await expect(downloadFile(server.url, path)).rejects.toThrow(LockedError);
    expect(server.requests).toHaveLength(before);
    await lock.release();
    await downloadFile(server.url, path, { lockWaitMs: 5000 });
    await server.close();
  });

  it('sixteen at a time: each is right, and the connections are used again', async () => {
    const server = await rangeServer(ramp(100 * KIB));
    let next = 0;
    const worker = async () => {
      while (next < 200) await downloadFile(server.url, join(directory, `object-${next++}`), { durability: 'none' });
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    const names = await readdir(directory);
    expect(names).toHaveLength(200);
    for (const name of names) {
      expect((await readFile(join(directory, name))).equals(ramp(100 * KIB).slice(0, 100 * KIB))).toBe(true);
    }
    expect(server.requests).toHaveLength(200);
    await server.close();
  });

  it('whose checksum is wrong is not published, and leaves nothing', async () => {
    const server = await rangeServer(ramp(100 * KIB));
    const expectedChecksum = { algorithm: 'crc32', value: '00000000' } as const;
    const download = downloadFile(server.url, join(directory, 'object'), { expectedChecksum });
    await expect(download).rejects.toThrow(ChecksumError);
    expect(await readdir(directory)).toEqual([]);
    await server.close();
  });

  it('has a checkpoint when it takes several parts', async () => {
    expect(await namesWhileWaiting(400 * KIB, 102_400)).toContain('object.part.checkpoint');
  });

  it('has a checkpoint when it is larger than a block', async () => {
    expect(await namesWhileWaiting(2000 * KIB)).toContain('object.part.checkpoint');
  });
});
