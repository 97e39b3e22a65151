import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DestinationError, DiskError } from '../../src/errors.js';
import { resolveDestination } from '../../src/sink/destination.js';
import { syncDirectory } from '../../src/sink/sync-directory.js';
import { publishWholeFile } from '../../src/sink/whole-file.js';
import { type FaultyFileOps, failing, faultyFileOps } from './faulty-file-ops.js';
import { PowerLossFileSystem, randomFrom } from './power-loss-file-ops.js';
import { rampBytes, temporaryDirectory } from './sink-fixture.js';

const bytes = rampBytes(100_000);
const never = new AbortController().signal;
const chunks = [bytes.subarray(0, 1000), bytes.subarray(1000)];

async function setUp(before?: FaultyFileOps['before']) {
  const directory = await temporaryDirectory();
  const path = join(directory, 'object');
  const destination = await resolveDestination(path, 'object', { overwrite: true, checkpoint: true });
  return { directory, path, destination, ops: faultyFileOps(before) };
}

describe('a whole file', () => {
  it('replaces what was there, can be read by others as umask allows, and leaves nothing beside it', async () => {
    const { directory, path, destination, ops } = await setUp();
    await writeFile(path, 'old', { mode: 0o600 });
    await publishWholeFile(destination, chunks, never, ops);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o644 & ~process.umask());
    expect(await readdir(directory)).toEqual(['object']);
    expect(ops.openFiles).toBe(0);
  });

  it("bytes come under the destination's name only when all of them are on disk and right", async () => {
    const { directory, destination, ops } = await setUp();
    await publishWholeFile(destination, chunks, never, ops);
    const steps = ops.calls.filter(({ op }) => op !== 'file.close');
    const short = steps.map(({ op, path }) => `${op} ${path === directory ? 'directory' : 'file'}`);
    expect(short).toEqual([
      ...['open file', 'file.write file', 'file.sync file', 'rename file'],
      ...['open directory', 'file.sync directory'],
    ]);
  });

  it.each(['open', 'file.write', 'file.sync', 'rename'] as const)(
    'leaves the old file, and nothing beside it, when %s fails',
    async (op) => {
      const { directory, path, destination, ops } = await setUp((call) => {
        if (call.path !== directory) failing(op, '', 'EIO')(call);
      });
      await writeFile(path, 'old');
      await expect(publishWholeFile(destination, chunks, never, ops)).rejects.toThrow(DiskError);
      expect(await readdir(directory)).toEqual(['object']);
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(ops.openFiles).toBe(0);
    },
  );

  it('is published all the same when closing it fails: it was synced before', async () => {
    const { path, destination, ops } = await setUp((call) => failing('file.close', '', 'EIO')(call));
    await publishWholeFile(destination, chunks, never, ops);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(ops.openFiles).toBe(0);
  });

  it('is not published once the download was aborted', async () => {
    const { directory, destination, ops } = await setUp();
    const reason = new Error('not now');
    await expect(publishWholeFile(destination, chunks, AbortSignal.abort(reason), ops)).rejects.toBe(reason);
    expect(await readdir(directory)).toEqual([]);
  });

  it('success is reported only after the new name is on disk', async () => {
    const { directory, destination, ops } = await setUp();
    ops.before = (call) => failing('file.sync', directory, 'EIO')(call);
    await expect(publishWholeFile(destination, chunks, never, ops)).rejects.toThrow(DiskError);
  });

  it('says so when a directory has appeared at the destination', async () => {
    const { directory, path, destination, ops } = await setUp();
    await mkdir(path);
    await expect(publishWholeFile(destination, chunks, never, ops)).rejects.toThrow(DestinationError);
    expect(await readdir(directory)).toEqual(['object']);
  });

  it('is the old one or the whole new one after a power loss at any call', async () => {
    const destination = {
      ...{ path: '/d/object', partPath: '/d/object.part', lockPath: '/d/lock' },
      ...{ checkpointPath: undefined, besideCheckpointPath: '/d/object.part.checkpoint', hadTraces: false },
    };
    let losses = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randomFrom(seed);
      const disk = new PowerLossFileSystem();
      disk.put('/d/object', Buffer.from('old'));
      disk.callsLeft = Math.floor(random() * 10);
      const isPublished = await publishWholeFile(destination, chunks, never, disk.ops).then(
        () => true,
        () => false,
      );
      disk.restart(random);
      const found = disk.read('/d/object') ?? Buffer.alloc(0);
      expect(found.equals(bytes) || (!isPublished && found.toString() === 'old')).toBe(true);
      if (!isPublished) losses += 1;
    }
    expect(losses).toBeGreaterThan(100);
  });
});

describe('syncDirectory', () => {
  it('a name is durable only by a sync that began after it was given', async () => {
    const { directory, ops } = await setUp();
    let letSync = () => {};
    const gate = new Promise<void>((resolve) => {
      letSync = resolve;
    });
    const syncs = () => ops.calls.filter(({ op }) => op === 'file.sync').length;
    ops.before = ({ op }) => (op === 'file.sync' ? gate : undefined);
    const first = syncDirectory(ops, directory);
    await expect.poll(syncs).toBe(1);
    // The names of these two may be younger than the sync that goes on: they share the next one.
    const later = [syncDirectory(ops, directory), syncDirectory(ops, directory)];
    letSync();
    await Promise.all([first, ...later]);
    expect(syncs()).toBe(2);
    await syncDirectory(ops, directory);
    expect(syncs()).toBe(3);
    expect(ops.openFiles).toBe(0);
  });

  it('a sync that failed is not taken for that of those who asked later', async () => {
    const { directory, ops } = await setUp(failing('file.sync', '', 'EIO', 1));
    const outcomes = await Promise.allSettled([syncDirectory(ops, directory), syncDirectory(ops, directory)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});
