import { createHash } from 'node:crypto';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { CheckpointError, DestinationError, InvalidOptionError, LockedError } from '../../src/errors.js';
import { openCheckpointSink } from '../../src/sink/open-checkpoint-sink.js';
import { loadCrc } from '../../src/verify/crc.js';
import { faultyFileOps } from './faulty-file-ops.js';
import {
  chunkOf,
  chunksOf,
  feed,
  MiB,
  objectOf,
  openSink,
  rampBytes,
  streamOf,
  temporaryDirectory,
} from './sink-fixture.js';

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

describe('the checkpoint sink', () => {
  it('makes a file of chunks in any order, in a plain pipeline, and leaves nothing else behind', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(3 * MiB + 77);
    const sink = await openSink(path, objectOf(bytes.length));
    const chunks = chunksOf(bytes).sort((a, b) => (a.offset % 7) - (b.offset % 7));
    await pipeline(streamOf(chunks), sink);
    expect(await isThere(path)).toBe(false);
    expect(sink.missing()).toEqual([]);
    expect(sink.completed).toEqual([{ start: 0, end: bytes.length }]);
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(chunks.every(({ released }) => released === 1)).toBe(true);
    for (const ending of ['.part', '.part.checkpoint', '.part.lock']) expect(await isThere(path + ending)).toBe(false);
  });

  it('a chunk is released only after its bytes were written', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(MiB);
    let letWrite: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      letWrite = resolve;
    });
    const fileOps = faultyFileOps((call) =>
      call.op === 'file.write' && call.path.endsWith('.part') ? gate : undefined,
    );
    const sink = await openSink(path, objectOf(bytes.length), { fileOps });
    const chunks = chunksOf(bytes);
    for (const chunk of chunks) sink.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
    expect(chunks.some(({ released }) => released > 0)).toBe(false);
    expect(sink.completed).toEqual([]);
    letWrite();
    await sink.flush();
    expect(chunks.every(({ released }) => released === 1)).toBe(true);
  });

  it('writes what is queued in few positioned writes, at most two at a time', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(8 * MiB);
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(bytes.length), { fileOps });
    await feed(sink, chunksOf(bytes, undefined, 64 * 1024));
    const writes = fileOps.calls.filter(({ op, path: on }) => op === 'file.write' && on.endsWith('.part'));
    expect(writes.length).toBeLessThan(10);
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('bytes that come a second time are neither written again nor lost track of', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(2 * MiB);
    const sink = await openSink(path, objectOf(bytes.length));
    await feed(sink, [chunkOf(bytes, { start: 100, end: MiB + 100 })]);
    const wrong = chunkOf(rampBytes(2 * MiB, 1), { start: 100, end: MiB + 100 });
    await feed(sink, [wrong, chunkOf(bytes, { start: 0, end: 2 * MiB })]);
    expect(wrong.released).toBe(1);
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('a range of the object becomes a file of just these bytes', async () => {
    const path = join(await temporaryDirectory(), 'slice.bin');
    const bytes = rampBytes(4 * MiB);
    const range = { start: MiB + 11, end: 3 * MiB + 22 };
    const sink = await openSink(path, objectOf(bytes.length), { range });
    await feed(sink, chunksOf(bytes, [{ start: range.start, end: 2 * MiB + 11 }]));
    expect(sink.completed).toEqual([{ start: range.start, end: 2 * MiB + 11 }]);
    expect(sink.missing()).toEqual([{ start: 2 * MiB + 11, end: range.end }]);
    await feed(sink, chunksOf(bytes, sink.missing()));
    await sink.publish();
    expect((await readFile(path)).equals(bytes.subarray(range.start, range.end))).toBe(true);
  });

  it.each([0, 1, MiB - 1, MiB, MiB + 1])('T046: an object of %d bytes becomes a file', async (size) => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(size);
    const sink = await openSink(path, objectOf(size));
    if (size > 0) await expect(sink.publish()).rejects.toBeInstanceOf(CheckpointError);
    await feed(sink, chunksOf(bytes));
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('refuses to publish what is not whole, and goes on afterwards', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(2 * MiB);
    const sink = await openSink(path, objectOf(bytes.length));
    await feed(sink, chunksOf(bytes, [{ start: 0, end: 2 * MiB - 1 }]));
    await expect(sink.publish()).rejects.toThrow('1 bytes are missing');
    expect(await isThere(path)).toBe(false);
    await feed(sink, chunksOf(bytes, sink.missing()));
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('a chunk outside the range is refused, and nothing of it is written', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(2 * MiB);
    const sink = await openSink(path, objectOf(bytes.length), { range: { start: 0, end: MiB } });
    await expect(pipeline(streamOf(chunksOf(bytes, undefined, MiB + 1)), sink)).rejects.toBeInstanceOf(RangeError);
    expect((await stat(`${path}.part`)).size).toBe(0);
  });

  it.each(['crc32', 'crc32c', 'crc64ecma', 'crc64nvme'] as const)('knows the %s of the whole', async (algorithm) => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(2 * MiB + 999);
    const sink = await openSink(path, objectOf(bytes.length), { checksumAlgorithm: algorithm });
    expect(sink.combinedCrc()).toBeUndefined();
    await feed(sink, chunksOf(bytes).reverse());
    expect(sink.checksumAlgorithm).toBe(algorithm);
    expect(sink.combinedCrc()).toBe((await loadCrc(algorithm)).of([bytes]));
  });

  it('reads the file back in order', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(9 * MiB + 1);
    const sink = await openSink(path, objectOf(bytes.length));
    for (const chunk of chunksOf(bytes).reverse()) sink.write(chunk);
    const hash = createHash('sha256');
    await sink.readBack((some) => void hash.update(some));
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('after a reset everything is fetched again, by this process and by the next', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(2 * MiB);
    const sink = await openSink(path, objectOf(bytes.length));
    await feed(sink, chunksOf(rampBytes(2 * MiB, 9)));
    await sink.reset();
    expect(sink.completed).toEqual([]);
    expect(sink.missing()).toEqual([{ start: 0, end: 2 * MiB }]);
    await feed(sink, chunksOf(bytes, [{ start: 0, end: MiB }]));
    await sink.close();
    const next = await openSink(path, objectOf(bytes.length));
    expect(next.completed).toEqual([{ start: 0, end: MiB }]);
    await feed(next, chunksOf(bytes, next.missing()));
    await next.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('tells what is recorded, within a moment after it was written', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(2 * MiB);
    let tell: (completedBytes: number) => void = () => undefined;
    const told = new Promise<number>((resolve) => {
      tell = resolve;
    });
    const sink = await openSink(path, objectOf(bytes.length), { onCheckpointed: (count) => tell(count) });
    sink.write(chunkOf(bytes, { start: 0, end: MiB + 5 }));
    expect(await told).toBe(MiB);
    expect(sink.completed).toEqual([{ start: 0, end: MiB }]);
  });

  it('an abort keeps what is recorded, closes every file and gives the lock back', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(3 * MiB);
    const fileOps = faultyFileOps();
    const controller = new AbortController();
    const sink = await openSink(path, objectOf(bytes.length), { fileOps, signal: controller.signal });
    await feed(sink, chunksOf(bytes, [{ start: 0, end: 2 * MiB }]));
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(sink.publish()).rejects.toBe(reason);
    await sink.close();
    expect(fileOps.openFiles).toBe(0);
    const next = await openSink(path, objectOf(bytes.length));
    expect(next.completed).toEqual([{ start: 0, end: 2 * MiB }]);
  });

  it('T132: with a signal that is aborted already no file is made', async () => {
    const directory = await temporaryDirectory();
    const fileOps = faultyFileOps();
    const signal = AbortSignal.abort(new Error('no'));
    await expect(openSink(join(directory, 'a'), objectOf(5), { fileOps, signal })).rejects.toBe(signal.reason);
    expect(fileOps.calls).toEqual([]);
  });

  it('without a checkpoint nothing is recorded, and the temporary file goes when the download does not end', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const bytes = rampBytes(2 * MiB);
    const sink = await openSink(path, objectOf(bytes.length), { checkpoint: false });
    await feed(sink, chunksOf(bytes, [{ start: 0, end: MiB }]));
    expect(await isThere(`${path}.part.checkpoint`)).toBe(false);
    await sink.close();
    expect(await isThere(`${path}.part`)).toBe(false);
    const next = await openSink(path, objectOf(bytes.length), { checkpoint: false });
    await feed(next, chunksOf(bytes));
    await next.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('the checkpoint can be kept elsewhere', async () => {
    const directory = await temporaryDirectory();
    const [path, checkpoint] = [join(directory, 'model.bin'), join(directory, 'elsewhere.journal')];
    const bytes = rampBytes(2 * MiB);
    const sink = await openSink(path, objectOf(bytes.length), { checkpoint });
    await feed(sink, chunksOf(bytes, [{ start: 0, end: MiB }]));
    await sink.close();
    expect(await isThere(checkpoint)).toBe(true);
    const next = await openSink(path, objectOf(bytes.length), { checkpoint });
    expect(next.completed).toEqual([{ start: 0, end: MiB }]);
    await feed(next, chunksOf(bytes));
    await next.publish();
    expect(await isThere(checkpoint)).toBe(false);
  });

  it('T137: a second sink for the same destination is refused', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    await openSink(path, objectOf(5));
    await expect(openSink(path, objectOf(5))).rejects.toBeInstanceOf(LockedError);
  });

  it('T085: its files can be read and written by nobody else, whatever the umask', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const before = process.umask(0);
    try {
      await openSink(path, objectOf(5));
    } finally {
      process.umask(before);
    }
    expect((await stat(`${path}.part`)).mode & 0o777).toBe(0o600);
    expect((await stat(`${path}.part.checkpoint`)).mode & 0o777).toBe(0o600);
  });

  it.each([
    [0o022, 0o644],
    [0o077, 0o600],
    [0, 0o644],
  ])('T085: with umask %o the published file has mode %o: who may read new files may read it', async (umask, mode) => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const before = process.umask(umask);
    try {
      const sink = await openSink(path, objectOf(5));
      await feed(sink, chunksOf(rampBytes(5)));
      await sink.publish();
    } finally {
      process.umask(before);
    }
    expect((await stat(path)).mode & 0o777).toBe(mode);
  });

  it('nothing of the source stands in the checkpoint but a hash', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    await openSink(path, objectOf(5), { identity: 'obs://bucket/secret-key?versionId=5' });
    const text = await readFile(`${path}.part.checkpoint`, 'utf8');
    expect(text).not.toMatch(/secret-key|bucket|obs:/);
  });

  it('T075: with overwrite false a file that is there is refused before anything is made', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    await writeFile(path, 'theirs');
    const opened = openSink(path, objectOf(5), { overwrite: false });
    await expect(opened).rejects.toMatchObject({ code: 'PS_ERR_DESTINATION', reason: 'exists' });
    await expect(opened).rejects.toBeInstanceOf(DestinationError);
    expect(await isThere(`${path}.part`)).toBe(false);
    expect(await isThere(`${path}.part.lock`)).toBe(false);
  });

  it.each([
    [{ durabilty: 'none' }, 'durabilty'],
    [{ durability: 'some' }, 'durability'],
    [{ range: { start: 0, end: 6 } }, 'range.end'],
    [{ range: { start: 3, end: 2 } }, 'range.end'],
    [{ overwrite: 'no' }, 'overwrite'],
    [{ checkpoint: '' }, 'checkpoint'],
    [{ lockWaitMs: -1 }, 'lockWaitMs'],
    [{ checksumAlgorithm: 'md5' }, 'checksumAlgorithm'],
  ])('T136: refuses the options %j before any file is made', async (options, option) => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const opened = openCheckpointSink(path, objectOf(5), options as object);
    await expect(opened).rejects.toMatchObject({ code: 'PS_ERR_INVALID_OPTION', option });
    await expect(opened).rejects.toBeInstanceOf(InvalidOptionError);
    expect(await isThere(`${path}.part`)).toBe(false);
  });
});
