import { readdir, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiskError, LockedError } from '../../src/errors.js';
import type { DestinationLock } from '../../src/sink/lock.js';
import { faultyFileOps } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = MiB + 5;

/** Publishes a whole file; `lose` is called when its bytes are being synced. Resolves with the failure. */
async function publish(overwrite: boolean, lose: (lock: DestinationLock, partPath: string) => unknown) {
  const path = join(await temporaryDirectory(), 'model.bin');
  const nothing = async () => undefined;
  const { signal } = new AbortController();
  const lock: DestinationLock = { path, compromised: signal, check: nothing, leave: () => {}, release: nothing };
  const fileOps = faultyFileOps();
  const sink = await openSink(path, objectOf(SIZE), { fileOps, lock, overwrite });
  await feed(sink, chunksOf(rampBytes(SIZE)));
  let isLost = false;
  fileOps.before = async ({ op, path: of }) => {
    if (isLost || op !== 'file.sync' || of !== `${path}.part`) return;
    isLost = true;
    await lose(lock, of);
  };
  const failure = await sink.publish().catch((error: unknown) => error);
  expect(isLost).toBe(true);
  const naming = fileOps.calls.filter(({ op }) => op === 'rename' || op === 'link').map(({ path }) => basename(path));
  return { path, failure, naming };
}

describe.each([
  ['with', true],
  ['without', false],
])('a file that is published %s overwrite', (_with, overwrite) => {
  it('nothing is published by a process whose lock or files are not its own any more, also when they were until the bytes were synced', async () => {
    // A sync of many bytes takes minutes: long enough for another machine to take this process for dead.
    const lost = await publish(overwrite, (lock) => {
      lock.check = () => Promise.reject(new LockedError(lock.path, 'taken over'));
    });
    expect(lost.failure).toBeInstanceOf(LockedError);
    expect(lost.naming).not.toContain('model.bin.part');
    await expect(stat(lost.path)).rejects.toThrow('ENOENT');

    const replaced = await publish(overwrite, async (_lock, partPath) => {
      await rename(partPath, `${partPath}.old`);
      await writeFile(partPath, 'of the successor');
    });
    expect(replaced.failure).toBeInstanceOf(DiskError);
    expect(replaced.naming).not.toContain('model.bin.part');
    expect(await readdir(dirname(replaced.path))).not.toContain('model.bin');
  });
});
