/** What a journal says of bytes that are not so, or not surely so, and what the next process believes then. */

import { open, readdir, readFile, rename, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChecksumError } from '../../src/errors.js';
import { openCheckpointSink } from '../../src/index.js';
import type { SinkSetup } from '../../src/sink/checkpoint-sink-options.js';
import { resolveDestination } from '../../src/sink/destination.js';
import { acquireDestinationLock } from '../../src/sink/lock.js';
import { hasCheckpoint } from '../../src/sink/peek-checkpoint.js';
import { openUnsizedFile } from '../../src/sink/unsized-file.js';
import type { VerificationPlan } from '../../src/verify/verification.js';
import { verifyFile } from '../../src/verify-file.js';
import { type FileCall, failing, faultyFileOps } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = 3 * MiB + 5;
const bytes = rampBytes(SIZE);
const all = { start: 0, end: SIZE };
const first = { start: 0, end: MiB };
const second = { start: MiB, end: 2 * MiB };
const flipped = { start: MiB / 2, end: MiB };
const isWrong: VerificationPlan = { checks: [{ algorithm: 'crc32', value: '00000000', origin: 'caller' }] };

/** A destination with these bytes on disk and recorded, as an earlier process leaves it. */
async function leave(ranges: readonly (typeof first)[] = [first]): Promise<string> {
  const path = join(await temporaryDirectory(), 'model.bin');
  const sink = await openSink(path, objectOf(SIZE));
  await feed(sink, chunksOf(bytes, ranges));
  await sink.close();
  return path;
}

/** What the next process would go on from. */
async function remembered(path: string) {
  const sink = await openSink(path, objectOf(SIZE));
  const { completed } = sink;
  await sink.close();
  return completed;
}

async function flipByte(path: string): Promise<void> {
  const file = await open(`${path}.part`, 'r+');
  await file.write(Buffer.from([bytes[flipped.start + 1] === 1 ? 2 : 1]), 0, 1, flipped.start + 1);
  await file.close();
}

describe('records that are not true any more are taken back on disk, or the journal goes', () => {
  async function failChecksum(before?: (call: FileCall) => unknown) {
    const path = join(await temporaryDirectory(), 'model.bin');
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(SIZE), { fileOps });
    await feed(sink, chunksOf(bytes));
    fileOps.calls.length = 0;
    if (before !== undefined) fileOps.before = before;
    const failure = await verifyFile(sink, isWrong).catch((error: unknown) => error);
    const calls = fileOps.calls.filter((call) => call.path.endsWith('.checkpoint')).map(({ op }) => op);
    await sink.close();
    return { path, failure, calls };
  }

  it('they are taken back before the caller hears of it, and a power failure brings them not back', async () => {
    const { path, failure, calls } = await failChecksum();
    expect(failure).toBeInstanceOf(ChecksumError);
    expect(calls).toEqual(['file.write', 'file.datasync']);
    expect(await remembered(path)).toEqual([]);
  });

  it.each(['file.write', 'file.datasync'] as const)('the journal goes when %s fails', async (op) => {
    const { path, failure } = await failChecksum(failing(op, '.checkpoint', 'ENOSPC'));
    expect(failure).toBeInstanceOf(ChecksumError);
    await expect(stat(`${path}.part.checkpoint`)).rejects.toThrow('ENOENT');
    expect(await remembered(path)).toEqual([]);
  });

  it('that of a file that is published already goes, or the error tells', async () => {
    for (const code of [undefined, 'EROFS']) {
      const path = await leave([all]);
      await rename(`${path}.part`, path);
      const fileOps = faultyFileOps();
      const sink = await openSink(path, objectOf(SIZE), { fileOps });
      if (code !== undefined) fileOps.before = failing('unlink', '.checkpoint', code);
      const failure = await verifyFile(sink, isWrong).catch((error: unknown) => error);
      await sink.close();
      if (code === undefined) expect(failure).toBeInstanceOf(ChecksumError);
      else expect(failure).toMatchObject({ code: 'PS_ERR_DISK', path: `${path}.part.checkpoint`, cause: { code } });
      const left = code === undefined ? ['model.bin'] : ['model.bin', 'model.bin.part.checkpoint'];
      expect(await readdir(dirname(path))).toEqual(left);
    }
  });

  it('when neither can be done the error tells', async () => {
    const { failure } = await failChecksum((call) => {
      failing('file.write', '.checkpoint', 'EIO')(call);
      failing('unlink', '.checkpoint', 'EROFS')(call);
    });
    expect(failure).toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
    expect(String(failure)).toMatch(/remove both before the next try/);
  });
});

describe('a block of an earlier process', () => {
  it('that is found damaged is recorded no more', async () => {
    const path = await leave([first, second]);
    await flipByte(path);
    const sink = await openSink(path, objectOf(SIZE));
    expect(await sink.recheck()).toEqual([flipped]);
    await sink.close();
    expect(await remembered(path)).toEqual([{ start: 0, end: flipped.start }, second]);
  });

  it('that is found damaged takes nothing with it that was recorded meanwhile', async () => {
    const path = await leave();
    await flipByte(path);
    const sink = await openSink(path, objectOf(SIZE));
    const tail = { start: 2 * MiB, end: SIZE };
    await Promise.all([sink.recheck(), feed(sink, chunksOf(bytes, [second])), feed(sink, chunksOf(bytes, [tail]))]);
    await sink.close();
    expect(await remembered(path)).toEqual([
      { start: 0, end: flipped.start },
      { start: second.start, end: SIZE },
    ]);
  });

  it('that is found damaged can be fetched and recorded again', async () => {
    const path = await leave();
    await flipByte(path);
    const sink = await openSink(path, objectOf(SIZE));
    await feed(sink, chunksOf(bytes, await sink.recheck()));
    await sink.close();
    expect(await remembered(path)).toEqual([first]);
  });

  it('that is found damaged is found so by the next process, too, when the journal cannot take that', async () => {
    const path = await leave();
    await flipByte(path);
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(SIZE), { fileOps });
    fileOps.before = failing('file.write', '.checkpoint', 'ENOSPC', 1);
    expect(await sink.recheck()).toEqual([flipped]);
    await sink.close();
    expect(await remembered(path)).toEqual([first]);
    const next = await openSink(path, objectOf(SIZE));
    expect(await next.recheck()).toEqual([flipped]);
  });

  it.each<[string, (path: string) => Promise<void>, { start: number; end: number }[]]>([
    ['flipped', flipByte, [{ start: 0, end: flipped.start }]],
    ['cut off', (path) => truncate(`${path}.part`, 1000), []],
  ])('and is not so any more is not called completed: %s', async (_, damage, completed) => {
    const path = await leave();
    await damage(path);
    const sink = await openCheckpointSink(path, objectOf(SIZE));
    expect(sink.completed).toEqual(completed);
    await feed(sink, chunksOf(bytes, sink.missing()));
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });
});

describe('the rest of a rewriting of the journal that was cut short', () => {
  const rest = (path: string) => `${path}.part.checkpoint.new`;

  async function leaveRest(options?: SinkSetup): Promise<string> {
    const path = await leave();
    const file = await open(rest(path), 'w');
    await file.close();
    await openSink(path, objectOf(SIZE), options).then((sink) => sink.close());
    return path;
  }

  it('goes when the journal is gone on with', async () => {
    const path = await leaveRest();
    expect((await readdir(dirname(path))).sort()).toEqual(['model.bin.part', 'model.bin.part.checkpoint']);
  });

  it('goes with the journal of another object', async () => {
    const path = await leaveRest({ identity: 'another' });
    expect((await readdir(dirname(path))).sort()).toEqual(['model.bin.part', 'model.bin.part.checkpoint']);
  });

  it('goes when nothing is recorded any more', async () => {
    const path = await leaveRest({ checkpoint: false });
    expect(await readdir(dirname(path))).toEqual([]);
  });

  it('goes when the file turns out to be published already', async () => {
    const path = await leave([all]);
    const sink = await openSink(path, objectOf(SIZE), {
      fileOps: faultyFileOps(failing('unlink', '.checkpoint', 'EIO')),
    });
    await sink.publish();
    await open(rest(path), 'w').then((file) => file.close());
    expect(await readdir(dirname(path))).toContain('model.bin.part.checkpoint');
    const next = await openSink(path, objectOf(SIZE));
    await next.publish();
    expect(await readdir(dirname(path))).toEqual(['model.bin']);
  });

  it.each(['file.write', 'file.datasync', 'file.close', 'rename'] as const)('goes when %s fails', async (op) => {
    const path = await leave();
    const fileOps = faultyFileOps(failing(op, '.new', 'ENOSPC'));
    const reopen = () => openSink(path, objectOf(SIZE), { fileOps, durability: 'none' }).then((sink) => sink.close());
    const untilRewritten = async () => {
      for (let run = 0; run < 100; run++) await reopen();
    };
    await expect(untilRewritten()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
    expect((await readdir(dirname(path))).sort()).toEqual(['model.bin.part', 'model.bin.part.checkpoint']);
    expect(await remembered(path)).toEqual([first]);
  });
});

describe('a journal that cannot be looked at', () => {
  it.each<[FileCall['op'], string]>([
    ['file.status', 'EIO'],
    ['file.read', 'EIO'],
    ['linkStatus', 'EACCES'],
  ])('is not called a replaced one: %s', async (op, code) => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(SIZE), { fileOps });
    await feed(sink, chunksOf(bytes));
    fileOps.before = failing(op, '.checkpoint', code);
    await expect(sink.publish()).rejects.toMatchObject({
      code: 'PS_ERR_DISK',
      path: `${path}.part.checkpoint`,
      cause: { code },
    });
    await sink.close();
    expect(fileOps.openFiles).toBe(0);
    expect(await remembered(path)).toEqual([all]);
  });

  it.each(['file.status', 'file.read'] as const)('is neither believed nor removed: %s', async (op) => {
    const path = await leave();
    const place = await resolveDestination(path, 'k', { overwrite: true, checkpoint: true });
    const fileOps = faultyFileOps(failing(op, '.checkpoint', 'EIO'));
    const told = { code: 'PS_ERR_DISK', path: `${path}.part.checkpoint`, cause: { code: 'EIO' } };
    await expect(openSink(path, objectOf(SIZE), { fileOps })).rejects.toMatchObject(told);
    const lock = await acquireDestinationLock(place, { waitMs: 0 });
    const signal = new AbortController().signal;
    const given = { destination: place, lock, overwrite: true, signal, onBytes: () => undefined, ops: fileOps };
    await expect(openUnsizedFile(0, given)).rejects.toMatchObject(told);
    await lock.release();
    expect(fileOps.openFiles).toBe(0);
    expect(await remembered(path)).toEqual([first]);
  });

  it('is a replaced one where it is gone', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(SIZE), { fileOps });
    await feed(sink, chunksOf(bytes));
    await fileOps.unlink(`${path}.part.checkpoint`);
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
  });

  it('is a DiskError also before the object is fetched', async () => {
    const place = await resolveDestination(join(await temporaryDirectory(), 'model.bin'), 'k', {
      overwrite: true,
      checkpoint: true,
    });
    const ops = faultyFileOps(failing('linkStatus', '.checkpoint', 'EACCES'));
    await expect(hasCheckpoint(place, ops)).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EACCES' } });
  });
});
