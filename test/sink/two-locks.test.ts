/** A destination whose checkpoint is elsewhere has two locks: for the download they are one. */

import { mkdir, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { DestinationError, LockedError } from '../../src/errors.js';
import { nodeFileOps } from '../../src/sink/file-ops.js';
import { LockDirectory } from '../../src/sink/lock-directory.js';
import { faultyFileOps } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = MiB;
const bytes = rampBytes(SIZE);
let path: string;
let checkpoint: string;

beforeEach(async () => {
  const directory = await temporaryDirectory();
  await mkdir(join(directory, 'records'));
  path = join(directory, 'model.bin');
  checkpoint = join(directory, 'records', 'of-the-model');
});

it('Invariant: nothing is published by a process that lost the lock of its checkpoint', async () => {
  const sink = await openSink(path, objectOf(SIZE), { checkpoint });
  await feed(sink, chunksOf(bytes));
  await rename(`${checkpoint}.lock`, `${checkpoint}.lost`);
  await expect(sink.publish()).rejects.toBeInstanceOf(LockedError);
  await expect(stat(path)).rejects.toThrow('ENOENT');
  expect(await readdir(dirname(checkpoint))).toContain(basename(checkpoint));
});

it('when the second cannot be had the first is given back', async () => {
  await writeFile(`${checkpoint}.lock`, 'not a lock');
  await expect(openSink(path, objectOf(SIZE), { checkpoint })).rejects.toBeInstanceOf(LockedError);
  expect(await readdir(dirname(path))).toEqual(['records']);
  await unlink(`${checkpoint}.lock`);
  await openSink(path, objectOf(SIZE), { checkpoint }).then((sink) => sink.close());
});

it('nothing is fetched before the name of the checkpoint is on disk, wherever that is', async () => {
  const fileOps = faultyFileOps();
  await openSink(path, objectOf(SIZE), { checkpoint, fileOps });
  const synced = fileOps.calls.filter(({ op }) => op === 'file.sync').map((call) => call.path);
  expect(synced).toEqual([dirname(path), dirname(checkpoint)]);
});

it('a directory in the place of the checkpoint is told', async () => {
  await mkdir(checkpoint);
  const failure = await openSink(path, objectOf(SIZE), { checkpoint }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DestinationError);
  expect(failure).toMatchObject({ reason: 'directory', path: checkpoint });
});

it('Invariant: a lock appears together with the record of its owner, or is not called one', async () => {
  const lockPath = `${path}.part.lock`;
  // Somebody who thinks us dead empties our directory just before it gets its name.
  const rename = async (from: string, to: string) => {
    for (const name of await readdir(from)) await unlink(join(from, name));
    await nodeFileOps.rename(from, to);
  };
  const robbed = new LockDirectory({ path, lockPath }, { ...nodeFileOps, rename }, 30_000);
  expect(await robbed.claim()).toBe(false);
  expect(robbed.claimed).toBe(false);
  const next = new LockDirectory({ path, lockPath }, nodeFileOps, 30_000);
  expect(await next.claim()).toBe(true);
  await next.remove();
  expect(await readdir(dirname(path))).toEqual(['records']);
});
