import {
  chmod,
  copyFile,
  link,
  open,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import type { ObjectInfo } from '../../src/object-info.js';
import type { SinkSetup } from '../../src/sink/checkpoint-sink-options.js';
import { resolveDestination } from '../../src/sink/destination.js';
import { peekCheckpoint } from '../../src/sink/peek-checkpoint.js';
import { failing, faultyFileOps } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = 4 * MiB + 5;
const bytes = rampBytes(SIZE);
const half = { start: 0, end: 2 * MiB };

/** A destination with the first half on disk and recorded, as an earlier process leaves it. */
async function halfDone(options?: SinkSetup, object: ObjectInfo = objectOf(SIZE)): Promise<string> {
  const path = join(await temporaryDirectory(), 'model.bin');
  const sink = await openSink(path, object, options);
  await feed(sink, chunksOf(bytes, [half]));
  await sink.close();
  return path;
}

/** Fetches what is missing or damaged, publishes, and compares. */
async function complete(path: string, options?: SinkSetup, object: ObjectInfo = objectOf(SIZE)) {
  const sink = await openSink(path, object, options);
  const resumed = sink.completed;
  const damaged = await sink.recheck();
  await feed(sink, chunksOf(bytes, sink.missing()));
  await sink.publish();
  expect((await readFile(path)).equals(bytes)).toBe(true);
  return { resumed, damaged };
}

describe('resuming', () => {
  it('goes on from the blocks that were recorded', async () => {
    const path = await halfDone();
    expect(await complete(path)).toEqual({ resumed: [half], damaged: [] });
  });

  it('T094: blocks are reused whatever the chunks of the next process look like', async () => {
    const path = await halfDone();
    const sink = await openSink(path, objectOf(SIZE));
    expect(sink.completed).toEqual([half]);
    const chunks = chunksOf(bytes, [{ start: MiB - 12_345, end: SIZE }], 777_777).reverse();
    await feed(sink, chunks);
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('every block that an earlier process recorded is compared with the disk before it is trusted', async () => {
    const path = await halfDone();
    const file = await open(`${path}.part`, 'r+');
    await file.write(Buffer.from([1, 2, 3]), 0, 3, MiB + 500);
    await file.close();
    const sink = await openSink(path, objectOf(SIZE));
    expect(await sink.recheck()).toEqual([{ start: MiB, end: 1.5 * MiB }]);
    expect(sink.missing()).toEqual([
      { start: MiB, end: 1.5 * MiB },
      { start: half.end, end: SIZE },
    ]);
    expect(await sink.recheck()).toEqual([]);
    await feed(sink, chunksOf(bytes, sink.missing()));
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('a damaged block is never published, also when nobody asked for the check', async () => {
    const path = await halfDone();
    const file = await open(`${path}.part`, 'r+');
    await file.write(Buffer.from([1, 2, 3]), 0, 3, 500);
    await file.close();
    const sink = await openSink(path, objectOf(SIZE));
    await feed(sink, chunksOf(bytes, sink.missing()));
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
    expect(sink.missing()).toEqual([{ start: 0, end: MiB / 2 }]);
  });

  it('the check goes on while other bytes are being written', async () => {
    const path = await halfDone();
    const sink = await openSink(path, objectOf(SIZE));
    const [damaged] = await Promise.all([sink.recheck(), feed(sink, chunksOf(bytes, sink.missing()))]);
    expect(damaged).toEqual([]);
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('T072: blocks that were cut off between the runs are fetched again', async () => {
    const path = await halfDone();
    await truncate(`${path}.part`, MiB + 1);
    expect((await complete(path)).damaged).toEqual([{ start: MiB, end: 2 * MiB }]);
  });

  it('T072: blocks that were cut off are not taken for their equal neighbours', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const same = Buffer.alloc(3 * MiB, 7);
    const sink = await openSink(path, objectOf(same.length));
    await feed(sink, chunksOf(same));
    await sink.close();
    await truncate(`${path}.part`, MiB + 1);
    const next = await openSink(path, objectOf(same.length));
    expect(await next.recheck()).toEqual([{ start: MiB, end: 3 * MiB }]);
  });

  it('a file that grew between the runs is cut to its length', async () => {
    const path = await halfDone();
    await truncate(`${path}.part`, 10 * MiB);
    await complete(path);
  });

  it('a journal without its part file starts afresh, and so does a part file without its journal', async () => {
    const first = await halfDone();
    await unlink(`${first}.part`);
    expect((await complete(first)).resumed).toEqual([]);
    const second = await halfDone();
    await unlink(`${second}.part.checkpoint`);
    expect((await complete(second)).resumed).toEqual([]);
  });

  it('garbage in place of the journal starts afresh', async () => {
    const path = await halfDone();
    await writeFile(`${path}.part.checkpoint`, 'not a journal', { mode: 0o600 });
    expect((await complete(path)).resumed).toEqual([]);
  });

  it('T089: a torn tail of the journal costs only what it recorded', async () => {
    const path = await halfDone();
    const journal = `${path}.part.checkpoint`;
    await writeFile(journal, `\n00000000 {"t":"B","seq":2,${'x'.repeat(500)}`, { flag: 'a' });
    const sink = await openSink(path, objectOf(SIZE));
    await feed(sink, chunksOf(bytes, [{ start: 2 * MiB, end: 3 * MiB }]));
    await sink.close();
    expect((await complete(path)).resumed).toEqual([{ start: 0, end: 3 * MiB }]);
  });

  it('T095: a journal of a later version is refused and stays as it is', async () => {
    const path = await halfDone();
    const json = JSON.stringify({ t: 'H', seq: 0, v: 2 });
    const later = `\n${crc32(json).toString(16).padStart(8, '0')} ${json}`;
    await writeFile(`${path}.part.checkpoint`, later);
    await expect(openSink(path, objectOf(SIZE))).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
    expect(await readFile(`${path}.part.checkpoint`, 'utf8')).toBe(later);
    expect((await stat(`${path}.part`)).size).toBe(2 * MiB);
  });

  it('T099: the journal stays short however often the download begins again', async () => {
    const path = await halfDone();
    for (let run = 0; run < 50; run++) {
      const sink = await openSink(path, objectOf(SIZE), { durability: 'none' });
      expect(sink.completed).toEqual([half]);
      await sink.close();
    }
    expect((await stat(`${path}.part.checkpoint`)).size).toBeLessThan(2000);
    await complete(path);
  });

  it('keeps the CRC that it began with', async () => {
    const path = await halfDone({ checksumAlgorithm: 'crc64nvme' });
    const sink = await openSink(path, objectOf(SIZE), { checksumAlgorithm: 'crc32' });
    expect(sink.checksumAlgorithm).toBe('crc64nvme');
    expect(await sink.recheck()).toEqual([]);
    expect(sink.completed).toEqual([half]);
  });
});

describe('which object a checkpoint belongs to', () => {
  it.each<[string, Partial<ObjectInfo>]>([
    ['ETag', { etag: '"two"' }],
    ['size', { size: SIZE + 1 }],
    ['version', { versionId: 'v2' }],
  ])('another %s starts afresh, and says so', async (_, change) => {
    const path = await halfDone(undefined, objectOf(SIZE, { versionId: 'v1' }));
    const onObjectChanged = vi.fn();
    const sink = await openSink(path, objectOf(SIZE, { versionId: 'v1', ...change }), { onObjectChanged });
    expect(sink.completed).toEqual([]);
    expect(onObjectChanged.mock.calls).toEqual([['"one"', change.etag ?? '"one"']]);
    expect((await stat(`${path}.part`)).size).toBe(0);
  });

  it('T116: a checkpoint of another source, range or destination is ignored without a word', async () => {
    const onObjectChanged = vi.fn();
    const other = await openSink(await halfDone(), objectOf(SIZE), { identity: 'other', onObjectChanged });
    expect(other.completed).toEqual([]);
    const range = { start: 1, end: SIZE };
    const shifted = await openSink(await halfDone(), objectOf(SIZE), { range, onObjectChanged });
    expect(shifted.completed).toEqual([]);
    const path = await halfDone();
    for (const ending of ['.part', '.part.checkpoint']) await rename(path + ending, `${path}2${ending}`);
    const moved = await openSink(`${path}2`, objectOf(SIZE), { onObjectChanged });
    expect(moved.completed).toEqual([]);
    expect(onObjectChanged).not.toHaveBeenCalled();
  });

  it.each([undefined, 'W/"one"'])('T054: with the ETag %s nothing is resumed, unless it is allowed', async (etag) => {
    const { etag: _, ...rest } = objectOf(SIZE, { lastModified: new Date(5) });
    const object = etag === undefined ? rest : { ...rest, etag };
    const path = await halfDone({}, object);
    const allowed = await openSink(path, object, { allowUnvalidated: true });
    expect(allowed.completed).toEqual([half]);
    await allowed.close();
    const touched = await openSink(path, { ...object, lastModified: new Date(6) }, { allowUnvalidated: true });
    expect(touched.completed).toEqual([]);
    await touched.close();
    const again = await halfDone({}, object);
    const refused = await openSink(again, object);
    expect(refused.completed).toEqual([]);
  });

  it('a look at the checkpoint tells what it claims, and changes nothing', async () => {
    const range = { start: 7, end: SIZE };
    const path = join(await temporaryDirectory(), 'model.bin');
    const sink = await openSink(path, objectOf(SIZE), { range, identity: 'me' });
    await feed(sink, chunksOf(bytes, [{ start: 7, end: MiB + 8 }]));
    await sink.close();
    const fileOps = faultyFileOps();
    const destination = await resolveDestination(path, '', { overwrite: true, checkpoint: true });
    const completed = [{ start: 7, end: MiB + 7 }];
    expect(await peekCheckpoint(destination, 'me', fileOps)).toEqual({ size: SIZE, range, completed });
    expect(await peekCheckpoint(destination, 'you', fileOps)).toBeUndefined();
    expect(new Set(fileOps.calls.map(({ op }) => op))).toEqual(
      new Set(['open', 'file.status', 'file.read', 'file.close']),
    );
    await writeFile(destination.checkpointPath ?? '', 'garbage');
    expect(await peekCheckpoint(destination, 'me')).toBeUndefined();
    await unlink(destination.checkpointPath ?? '');
    expect(await peekCheckpoint(destination, 'me')).toBeUndefined();
  });
});

describe('a crash while publishing', () => {
  /** Everything recorded, nothing published. */
  async function allDone(): Promise<string> {
    const path = await halfDone();
    const sink = await openSink(path, objectOf(SIZE));
    await feed(sink, chunksOf(bytes, sink.missing()));
    await sink.close();
    return path;
  }

  it.each([true, false])(
    'T091: after the rename: the next one finds it complete (overwrite: %s)',
    async (overwrite) => {
      const path = await allDone();
      await rename(`${path}.part`, path);
      const before = await stat(path);
      const sink = await openSink(path, objectOf(SIZE), { overwrite });
      expect(sink.completed).toEqual([{ start: 0, end: SIZE }]);
      expect(sink.missing()).toEqual([]);
      expect(sink.combinedCrc()).toBe(BigInt(crc32(bytes)));
      await sink.publish();
      expect((await readFile(path)).equals(bytes)).toBe(true);
      expect((await stat(path)).ino).toBe(before.ino);
      await expect(stat(`${path}.part.checkpoint`)).rejects.toThrow('ENOENT');
    },
  );

  it.each([true, false])(
    'T092: between link and unlink: it completes, and the file is never written (overwrite: %s)',
    async (overwrite) => {
      const path = await allDone();
      await link(`${path}.part`, path);
      const before = await stat(path);
      const sink = await openSink(path, objectOf(SIZE), { overwrite });
      await sink.publish();
      const after = await stat(path);
      expect((await readFile(path)).equals(bytes)).toBe(true);
      expect([after.ino, after.nlink, after.mtimeMs]).toEqual([before.ino, 1, before.mtimeMs]);
      await expect(stat(`${path}.part`)).rejects.toThrow('ENOENT');
    },
  );

  it('T092: the destination is never written to, whatever other name it has', async () => {
    const path = await halfDone();
    const theirs = await readFile(`${path}.part`);
    await link(`${path}.part`, path);
    const sink = await openSink(path, objectOf(SIZE));
    expect(sink.completed).toEqual([]);
    await feed(sink, chunksOf(rampBytes(SIZE, 5)));
    expect((await readFile(path)).equals(theirs)).toBe(true);
    await sink.publish();
    expect((await readFile(path)).equals(rampBytes(SIZE, 5))).toBe(true);
  });

  it('T091: a journal that could not be removed does no harm', async () => {
    const path = await allDone();
    const fileOps = faultyFileOps(failing('unlink', '.checkpoint', 'EPERM'));
    const sink = await openSink(path, objectOf(SIZE), { fileOps });
    await sink.publish();
    expect(await readFile(`${path}.part.checkpoint`, 'utf8')).toMatch(/"t":"V".*\n.*"t":"P"/);
    await complete(path);
    await expect(stat(`${path}.part.checkpoint`)).rejects.toThrow('ENOENT');
  });

  it('T091: a file that was changed after the crash is not taken for the download', async () => {
    const path = await allDone();
    await copyFile(`${path}.part`, path);
    await unlink(`${path}.part`);
    const file = await open(path, 'r+');
    await file.write(Buffer.from('changed'), 0, 7, 3 * MiB);
    await file.close();
    const changed = await readFile(path);
    const refused = openSink(path, objectOf(SIZE), { overwrite: false });
    await expect(refused).rejects.toMatchObject({ reason: 'exists' });
    const sink = await openSink(path, objectOf(SIZE));
    expect(sink.completed).toEqual([]);
    expect((await readFile(path)).equals(changed)).toBe(true);
    await feed(sink, chunksOf(bytes));
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });
});

describe('files that are not ours', () => {
  it('T114: a part file with another name is refused, and the other file stays as it is', async () => {
    for (const change of [{}, { etag: '"two"' }]) {
      const path = await halfDone();
      const victim = `${path}.victim`;
      await link(`${path}.part`, victim);
      const before = await readFile(victim);
      const opened = openSink(path, objectOf(SIZE, change));
      await expect(opened).rejects.toMatchObject({ code: 'PS_ERR_DESTINATION', reason: 'symlink' });
      expect((await readFile(victim)).equals(before)).toBe(true);
    }
  });

  it('T114: a symbolic link in place of the part file is refused, and not followed', async () => {
    const path = await halfDone();
    await rename(`${path}.part`, `${path}.victim`);
    await symlink(`${path}.victim`, `${path}.part`);
    const before = await readFile(`${path}.victim`);
    const opened = openSink(path, objectOf(SIZE));
    await expect(opened).rejects.toMatchObject({ code: 'PS_ERR_DESTINATION', reason: 'symlink' });
    expect((await readFile(`${path}.victim`)).equals(before)).toBe(true);
  });

  it.each([0o622, 0o620, 0o602])('T117: a checkpoint with the mode %o is refused', async (mode) => {
    const path = await halfDone();
    await chmod(`${path}.part.checkpoint`, mode);
    await expect(openSink(path, objectOf(SIZE))).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
  });

  it('T117: a part file that others can write to is refused', async () => {
    const path = await halfDone();
    await chmod(`${path}.part`, 0o666);
    await expect(openSink(path, objectOf(SIZE))).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
  });

  it('T117: a checkpoint of another user is refused', async () => {
    const path = await halfDone();
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(54_321);
    try {
      await expect(openSink(path, objectOf(SIZE))).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
    } finally {
      getuid.mockRestore();
    }
  });

  it('T117: a checkpoint that is a link of either kind is refused', async () => {
    const first = await halfDone();
    await link(`${first}.part.checkpoint`, `${first}.other`);
    await expect(openSink(first, objectOf(SIZE))).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
    const second = await halfDone();
    await rename(`${second}.part.checkpoint`, `${second}.other`);
    await symlink(`${second}.other`, `${second}.part.checkpoint`);
    await expect(openSink(second, objectOf(SIZE))).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
  });
});
