/** What somebody else does to the files of a download between the last byte and the name. */

import { readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeFileOps } from '../../src/sink/file-ops.js';
import { createPartFile } from '../../src/sink/part-file.js';
import type { VerificationPlan } from '../../src/verify/verification.js';
import { verifyFile } from '../../src/verify-file.js';
import { faultyFileOps, systemError } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = MiB + 5;
const bytes = rampBytes(SIZE);

/** A sink with all of its bytes written. */
async function setUp(overwrite = true) {
  const path = join(await temporaryDirectory(), 'model.bin');
  const fileOps = faultyFileOps();
  const sink = await openSink(path, objectOf(SIZE), { fileOps, overwrite });
  await feed(sink, chunksOf(bytes));
  fileOps.calls.length = 0;
  return { path, fileOps, sink };
}

describe('Invariant: a file that somebody else cut short is neither published nor called whole', () => {
  it('not even when that happened while it was synced', async () => {
    const { path, fileOps, sink } = await setUp();
    fileOps.before = async ({ op, path: of }) => {
      if (op === 'file.sync' && of === `${path}.part`) await truncate(of, SIZE - 1);
    };
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', path: `${path}.part` });
    await expect(stat(path)).rejects.toThrow('ENOENT');

    const next = await openSink(path, objectOf(SIZE));
    await next.recheck();
    await feed(next, chunksOf(bytes, next.missing()));
    await next.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('nor when it is read back for a checksum', async () => {
    const { path, sink } = await setUp();
    await truncate(`${path}.part`, SIZE - 1);
    const plan: VerificationPlan = { checks: [{ algorithm: 'md5', value: '0'.repeat(32), origin: 'caller' }] };
    await expect(verifyFile(sink, plan)).rejects.toMatchObject({ code: 'PS_ERR_DISK', path: `${path}.part` });
  });
});

it('Invariant: what was cut off behind the last byte is cut off on disk before the file has its name', async () => {
  const { path, fileOps, sink } = await setUp();
  await truncate(`${path}.part`, SIZE + 1);
  await sink.publish();
  const told = ['file.truncate', 'file.sync', 'rename'];
  const story = fileOps.calls.filter(({ op, path: of }) => of === `${path}.part` && told.includes(op));
  expect(story.map(({ op }) => op)).toEqual(['file.sync', 'file.truncate', 'file.sync', 'rename']);
  expect((await readFile(path)).equals(bytes)).toBe(true);
});

it('Invariant: nothing is written outside the file’s own length, nor at a position that is not a whole number', async () => {
  const path = join(await temporaryDirectory(), 'file');
  const part = await createPartFile(nodeFileOps, path, 10);
  for (const position of [-1, 0.5, 8, Number.NaN]) {
    await expect(part.write([bytes.subarray(0, 3)], position)).rejects.toBeInstanceOf(RangeError);
  }
  await part.write([bytes.subarray(0, 3)], 7);
  await part.close();
  expect((await stat(path)).size).toBe(10);
});

it('Invariant: without overwrite a file that took the place of our placeholder is not removed', async () => {
  const { path, fileOps, sink } = await setUp(false);
  fileOps.before = async ({ op, path: of }) => {
    if (op === 'link') throw systemError('ENOTSUP');
    if (op !== 'rename' || of !== `${path}.part`) return;
    await writeFile(`${path}.theirs`, 'of somebody else');
    await rename(`${path}.theirs`, path);
    throw systemError('EIO');
  };
  await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
  expect(await readFile(path, 'utf8')).toBe('of somebody else');
});

it('Invariant: a sink that is destroyed while it publishes keeps its lock until that has ended', async () => {
  const { path, fileOps, sink } = await setUp();
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const renaming = new Promise<void>((resolve) => {
    fileOps.before = ({ op, path: of }) => {
      if (op !== 'rename' || of !== `${path}.part`) return undefined;
      resolve();
      return held;
    };
  });
  const published = sink.publish().catch(() => undefined);
  await renaming;
  const closed = sink.close();
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 50))]);
  expect((await readdir(dirname(path))).sort()).toContain(`${basename(path)}.part.lock`);
  letGo();
  await Promise.all([published, closed]);
  expect((await readFile(path)).equals(bytes)).toBe(true);
  expect(await readdir(dirname(path))).toEqual([basename(path)]);
});

it('Invariant: a sink that is destroyed before the file has its name gives it none', async () => {
  const { path, fileOps, sink } = await setUp();
  fileOps.before = ({ op, path: of }) => {
    if (op === 'file.close' && of === `${path}.part`) sink.destroy(new Error('enough'));
  };
  await expect(sink.publish()).rejects.toThrow('enough');
  await sink.close();
  await expect(stat(path)).rejects.toThrow('ENOENT');
  const next = await openSink(path, objectOf(SIZE));
  expect(next.completed).toEqual([{ start: 0, end: SIZE }]);
});

it('a name that cannot be had is not called a taken one, and a taken one is, with hard links and without', async () => {
  const cases = [
    ['link', 'EIO', { code: 'PS_ERR_DISK', cause: { code: 'EIO' } }],
    ['open', 'EIO', { code: 'PS_ERR_DISK', cause: { code: 'EIO' } }],
    ['link', 'EEXIST', { code: 'PS_ERR_DESTINATION', reason: 'exists' }],
    ['open', 'EEXIST', { code: 'PS_ERR_DESTINATION', reason: 'exists' }],
  ] as const;
  for (const [fails, code, told] of cases) {
    const { path, fileOps, sink } = await setUp(false);
    fileOps.before = ({ op, path: of }) => {
      if (op === 'link') throw systemError(fails === 'link' ? code : 'ENOTSUP');
      if (op === 'open' && of === path) throw systemError(code);
    };
    await expect(sink.publish()).rejects.toMatchObject(told);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  }
});

describe('a file that a crash left with its final name', () => {
  async function leave() {
    const { path, sink } = await setUp();
    await sink.close();
    await rename(`${path}.part`, path);
    return path;
  }

  it('Invariant: success is reported only after the new name is on disk, also by the next process', async () => {
    const path = await leave();
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(SIZE), { fileOps });
    const directory = dirname(path);
    fileOps.before = ({ op, path: of }) => {
      if (op === 'file.sync' && of === directory) throw systemError('EIO');
    };
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', path: directory });
    expect(await readdir(directory)).toContain('model.bin.part.checkpoint');
  });

  it('and that is damaged is made again, and no descriptor of it is kept', async () => {
    const path = await leave();
    await writeFile(path, Buffer.alloc(SIZE));
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(SIZE), { fileOps });
    expect(sink.missing()).toEqual([{ start: 0, end: SIZE }]);
    await sink.close();
    expect(fileOps.openFiles).toBe(0);
  });
});
