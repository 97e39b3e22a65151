import { readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CheckpointError, DiskError, LockedError } from '../../src/errors.js';
import { blockBytesFor } from '../../src/sink/block-ledger.js';
import type { CheckpointSink } from '../../src/sink/checkpoint-sink.js';
import type { SinkSetup } from '../../src/sink/checkpoint-sink-options.js';
import type { DestinationLock } from '../../src/sink/lock.js';
import { type FaultyFileOps, failing, faultyFileOps, systemError } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, streamOf, temporaryDirectory } from './sink-fixture.js';

const SIZE = 3 * MiB + 5;
const bytes = rampBytes(SIZE);
const first = { start: 0, end: MiB };
const second = { start: MiB, end: 2 * MiB };

interface Setup {
  path: string;
  fileOps: FaultyFileOps;
  sink: CheckpointSink;
}

async function setUp(options?: SinkSetup): Promise<Setup> {
  const path = join(await temporaryDirectory(), 'model.bin');
  const fileOps = faultyFileOps();
  const sink = await openSink(path, objectOf(SIZE), { fileOps, ...options });
  return { path, fileOps, sink };
}

/** What the next process would go on from; then everything is fetched and compared, so that the way is shown to be open. */
async function resumeAndComplete(path: string) {
  const sink = await openSink(path, objectOf(SIZE));
  const { completed } = sink;
  await sink.recheck();
  await feed(sink, chunksOf(bytes, sink.missing()));
  await sink.publish();
  expect((await readFile(path)).equals(bytes)).toBe(true);
  return completed;
}

/** The calls on the data, the journal and the directory, in order, in short. */
function story({ fileOps, path }: Setup): string[] {
  const names = new Map([
    [path, 'dest'],
    [`${path}.part`, 'part'],
    [`${path}.part.checkpoint`, 'journal'],
    [dirname(path), 'directory'],
  ]);
  const told = ['file.write', 'file.datasync', 'file.sync', 'file.close', 'rename', 'link', 'unlink'];
  return (
    fileOps.calls
      .filter((call) => told.includes(call.op) && names.has(call.path))
      .map((call) => `${call.op.replace('file.', '')} ${names.get(call.path)}`)
      // Nobody waits for that one.
      .filter((step) => step !== 'close directory')
  );
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the order of things', () => {
  it('nothing is fetched before the journal could be written', async () => {
    const setup = await setUp();
    const cleared = ['unlink journal', 'unlink part'];
    const made = ['write journal', 'datasync journal', 'sync directory'];
    expect(story(setup)).toEqual([...cleared, ...made]);
  });

  it('success is reported only after the new name is on disk, and the bytes are there before it', async () => {
    const setup = await setUp();
    await feed(setup.sink, chunksOf(bytes));
    setup.fileOps.calls.length = 0;
    await setup.sink.publish();
    expect(story(setup)).toEqual([
      'write journal',
      'sync part',
      'datasync journal',
      'close part',
      'rename part',
      'sync directory',
      'write journal',
      'close journal',
      'unlink journal',
    ]);
  });

  it('strict: a block is recorded only after its bytes are on disk', async () => {
    const setup = await setUp({ durability: 'strict' });
    setup.fileOps.calls.length = 0;
    await feed(setup.sink, chunksOf(bytes, [first], MiB));
    expect(story(setup)).toEqual(['write part', 'datasync part', 'write journal', 'datasync journal']);
  });

  it.each([
    ['none', ['write part', 'write journal']],
    ['checkpoint', ['write part', 'write journal', 'datasync part', 'datasync journal']],
  ] as const)('%s: after ten seconds the calls are %j', async (durability, expected) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const setup = await setUp({ durability });
    setup.fileOps.calls.length = 0;
    await feed(setup.sink, chunksOf(bytes, [first], MiB));
    await vi.advanceTimersByTimeAsync(30_000);
    vi.useRealTimers();
    await vi.waitFor(() => expect(story(setup)).toEqual(expected), 1000);
  });
});

describe('a failing disk', () => {
  it('T070: a write that fails ends the pipeline, and what was recorded before stays', async () => {
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes, [first]));
    fileOps.before = failing('file.write', '.part', 'EIO');
    const source = streamOf(chunksOf(bytes, [second]));
    const run = pipeline(source, sink);
    await expect(run).rejects.toMatchObject({ code: 'PS_ERR_DISK', path: `${path}.part`, cause: { code: 'EIO' } });
    await expect(run).rejects.toBeInstanceOf(DiskError);
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
    await sink.close();
    expect(source.destroyed).toBe(true);
    expect(fileOps.openFiles).toBe(0);
    expect(await resumeAndComplete(path)).toEqual([first]);
  });

  it('T084: a failure leaves the old file at the destination as it was', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    await writeFile(path, 'old');
    for (const [op, ending] of [
      ['file.write', '.part'],
      ['file.sync', '.part'],
      ['file.close', '.part'],
      ['rename', '.part'],
    ] as const) {
      const fileOps = faultyFileOps(failing(op, ending, 'ENOSPC'));
      const sink = await openSink(path, objectOf(SIZE), { fileOps });
      for (const chunk of chunksOf(bytes, sink.missing())) sink.write(chunk);
      await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(fileOps.openFiles).toBe(0);
    }
    await resumeAndComplete(path);
  });

  it('T071: a close that fails before the publish leaves the destination alone', async () => {
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes));
    fileOps.before = failing('file.close', '.part', 'EIO');
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
    await expect(stat(path)).rejects.toThrow('ENOENT');
    expect(story({ path, fileOps, sink })).not.toContain('rename part');
    await resumeAndComplete(path);
  });

  it('T074: a part file that somebody removed is noticed before anything is published', async () => {
    for (const checkpoint of [true, false]) {
      const { path, sink } = await setUp({ checkpoint });
      await feed(sink, chunksOf(bytes));
      await unlink(`${path}.part`);
      await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
      await expect(stat(path)).rejects.toThrow('ENOENT');
    }
  });

  it('T074: a part file that somebody replaced is neither published nor removed', async () => {
    for (const checkpoint of [true, false]) {
      const { path, sink } = await setUp({ checkpoint });
      await feed(sink, chunksOf(bytes));
      await rename(`${path}.part`, `${path}.old`);
      await writeFile(`${path}.part`, 'theirs');
      await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
      await expect(stat(path)).rejects.toThrow('ENOENT');
      expect(await readFile(`${path}.part`, 'utf8')).toBe('theirs');
    }
  });

  it('T074: a part file that somebody removed is noticed by the next group commit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes, [first]));
    await unlink(`${path}.part`);
    const failed = new Promise((resolve) => sink.once('error', resolve));
    await vi.advanceTimersByTimeAsync(30_000);
    vi.useRealTimers();
    expect(await failed).toMatchObject({ code: 'PS_ERR_DISK', path: `${path}.part`, cause: { code: 'ENOENT' } });
    expect(story({ path, fileOps, sink })).not.toContain('datasync part');
  });

  it('T080: a journal that cannot be written ends the download at once', async () => {
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes, [first]));
    fileOps.before = failing('file.write', '.checkpoint', 'ENOSPC', 1);
    const failed = new Promise((resolve) => sink.once('error', resolve));
    for (const chunk of chunksOf(bytes, [second])) sink.write(chunk);
    expect(await failed).toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
    await sink.close();
    expect(await resumeAndComplete(path)).toEqual([first]);
  });

  it('T081: too little space is told before anything is written', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const fileOps = { ...faultyFileOps(), freeBytes: async () => SIZE };
    const opened = openSink(path, objectOf(SIZE), { fileOps });
    await expect(opened).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
    await expect(stat(`${path}.part.lock`)).rejects.toThrow('ENOENT');
    const enough = { ...faultyFileOps(), freeBytes: async () => Math.ceil(SIZE * 1.05) };
    const sink = await openSink(path, objectOf(SIZE), { fileOps: enough });
    await feed(sink, chunksOf(bytes, [first, second]));
    await sink.close();
    const little = { ...faultyFileOps(), freeBytes: async () => 2 * MiB };
    const next = await openSink(path, objectOf(SIZE), { fileOps: little });
    expect(next.completed).toEqual([{ start: 0, end: 2 * MiB }]);
  });

  it('a file system that cannot tell its free space is used', async () => {
    await setUp({ fileOps: faultyFileOps(failing('freeBytes', '', 'ENOSYS')) });
  });

  it('a block that the disk cannot read any more is fetched again', async () => {
    const { path, sink } = await setUp();
    await feed(sink, chunksOf(bytes, [first]));
    await sink.close();
    const fileOps = faultyFileOps(failing('file.read', '.part', 'EIO', 1));
    const next = await openSink(path, objectOf(SIZE), { fileOps });
    expect(await next.recheck()).toEqual([{ start: 0, end: blockBytesFor(SIZE) }]);
  });
});

describe('the end of a sink', () => {
  it('once the sink is being destroyed no further write begins', async () => {
    const { fileOps, sink } = await setUp();
    let letWrite: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      letWrite = resolve;
    });
    const isWrite = (call: { op: string; path: string }) => call.op === 'file.write' && call.path.endsWith('.part');
    fileOps.before = (call) => (isWrite(call) ? gate : undefined);
    for (const start of [0, 1000, 2000, 3000]) {
      for (const chunk of chunksOf(bytes, [{ start, end: start + 10 }])) sink.write(chunk);
    }
    const flushed = sink.flush().catch((error: unknown) => error);
    await expect.poll(() => fileOps.calls.filter(isWrite)).toHaveLength(3);
    const closed = sink.close();
    letWrite();
    await closed;
    expect(await flushed).toBeInstanceOf(CheckpointError);
    expect(fileOps.calls.filter(isWrite)).toHaveLength(3);
  });
});

describe('a sync that fails', () => {
  it('after a failed sync the journal says so before anybody can resume from blocks that only the cache holds', async () => {
    for (const durability of ['none', 'checkpoint'] as const) {
      const { path, fileOps, sink } = await setUp({ durability });
      await feed(sink, chunksOf(bytes));
      fileOps.before = failing('file.sync', '.part', 'EIO', 1);
      await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
      expect(await resumeAndComplete(path)).toEqual([]);
    }
  });

  it('blocks that a good sync covered are kept', async () => {
    const { path, fileOps, sink } = await setUp({ durability: 'strict' });
    await feed(sink, chunksOf(bytes, [first]));
    fileOps.before = failing('file.datasync', '.part', 'EIO', 1);
    for (const chunk of chunksOf(bytes, [second])) sink.write(chunk);
    await expect(sink.flush()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
    await sink.close();
    expect(await resumeAndComplete(path)).toEqual([first]);
  });

  it('after a failed sync the file is never synced again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes));
    fileOps.before = failing('file.datasync', '.part', 'EIO', 1);
    const failed = new Promise((resolve) => sink.once('error', resolve));
    await vi.advanceTimersByTimeAsync(30_000);
    vi.useRealTimers();
    expect(await failed).toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
    await sink.close();
    const syncs = fileOps.calls.filter((call) => /sync$/.test(call.op) && call.path.endsWith('.part'));
    expect(syncs).toHaveLength(1);
    expect(await resumeAndComplete(path)).toEqual([]);
  });

  it('a sync that fails in the background while publishing begins is not covered up by the next one', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes));
    let fail: (error: Error) => void = () => undefined;
    const pending = new Promise<void>((_, reject) => {
      fail = reject;
    });
    fileOps.before = (call) => (call.op === 'file.datasync' && call.path.endsWith('.part') ? pending : undefined);
    await vi.advanceTimersByTimeAsync(30_000);
    vi.useRealTimers();
    await vi.waitFor(() => {
      expect(fileOps.calls.some((call) => call.op === 'file.datasync' && call.path.endsWith('.part'))).toBe(true);
    }, 1000);
    const published = sink.publish();
    const isPublished = published.catch(() => undefined);
    await Promise.race([isPublished, new Promise((resolve) => setTimeout(resolve, 40))]);
    fail(systemError('EIO'));
    await expect(published).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
    await expect(stat(path)).rejects.toThrow('ENOENT');
    expect(fileOps.calls.some((call) => call.op === 'file.sync' && call.path.endsWith('.part'))).toBe(false);
  });

  it('nothing is recorded any more once a sync has failed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes, [first]));
    let fail: (error: Error) => void = () => undefined;
    const pending = new Promise<void>((_, reject) => {
      fail = reject;
    });
    const isSync = (call: { op: string; path: string }) => call.op === 'file.datasync' && call.path.endsWith('.part');
    fileOps.before = (call) => (isSync(call) ? pending : undefined);
    await vi.advanceTimersByTimeAsync(30_000);
    while (!fileOps.calls.some(isSync)) await new Promise((resolve) => setImmediate(resolve));
    for (const chunk of chunksOf(bytes, [second])) sink.write(chunk);
    while (sink.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
    const failed = new Promise((resolve) => sink.once('error', resolve));
    fail(systemError('EIO'));
    expect(await failed).toMatchObject({ code: 'PS_ERR_DISK' });
    vi.useRealTimers();
    expect(await resumeAndComplete(path)).toEqual([]);
  });

  it('when the journal cannot say so it is removed, and when that fails, too, the error tells', async () => {
    const first = await setUp();
    await feed(first.sink, chunksOf(bytes));
    first.fileOps.before = (call) => {
      failing('file.sync', '.part', 'EIO')(call);
      failing('file.datasync', '.checkpoint', 'EIO')(call);
    };
    await expect(first.sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
    await expect(stat(`${first.path}.part.checkpoint`)).rejects.toThrow('ENOENT');
    expect(await resumeAndComplete(first.path)).toEqual([]);

    const second = await setUp();
    await feed(second.sink, chunksOf(bytes));
    second.fileOps.before = (call) => {
      failing('file.sync', '.part', 'EIO')(call);
      failing('file.datasync', '.checkpoint', 'EIO')(call);
      failing('unlink', '.checkpoint', 'EIO')(call);
    };
    await expect(second.sink.publish()).rejects.toThrow(/remove both before the next try/);
  });
});

describe('the new name', () => {
  it.each(['EPERM', 'EBUSY', 'EACCES'])(
    'T077: a rename that fails with %s three times is tried again',
    async (code) => {
      const { path, fileOps, sink } = await setUp();
      await feed(sink, chunksOf(bytes));
      fileOps.before = failing('rename', '.part', code, 3);
      await sink.publish();
      expect((await readFile(path)).equals(bytes)).toBe(true);
      expect(story({ path, fileOps, sink }).filter((call) => call === 'rename part')).toHaveLength(4);
    },
  );

  it('T077: an abort ends the tries', async () => {
    const controller = new AbortController();
    const { path, fileOps, sink } = await setUp({ signal: controller.signal });
    await feed(sink, chunksOf(bytes));
    fileOps.before = (call) => {
      if (call.op === 'rename') setImmediate(() => controller.abort(new Error('enough')));
      failing('rename', '.part', 'EBUSY')(call);
    };
    await expect(sink.publish()).rejects.toThrow('enough');
    expect((await resumeAndComplete(path))[0]?.end).toBe(SIZE);
  });

  it.each(['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR', 'EBADF'])(
    'T079: a directory that answers a sync with %s is no failure',
    async (code) => {
      const path = join(await temporaryDirectory(), 'model.bin');
      const fileOps = faultyFileOps(failing('file.sync', dirname(path), code));
      const sink = await openSink(path, objectOf(SIZE), { fileOps });
      await feed(sink, chunksOf(bytes));
      await sink.publish();
      expect((await readFile(path)).equals(bytes)).toBe(true);
    },
  );

  it('T079: a directory that answers a sync with EIO is a failure, and the next call finds the file complete', async () => {
    const { path, fileOps, sink } = await setUp();
    await feed(sink, chunksOf(bytes));
    fileOps.before = failing('file.sync', dirname(path), 'EIO');
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
    expect(await resumeAndComplete(path)).toEqual([{ start: 0, end: SIZE }]);
  });

  it('T075: without overwrite a file that appeared meanwhile is never replaced, and ours can still be published', async () => {
    const { path, sink } = await setUp({ overwrite: false });
    await feed(sink, chunksOf(bytes));
    await writeFile(path, 'theirs');
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DESTINATION', reason: 'exists' });
    expect(await readFile(path, 'utf8')).toBe('theirs');
    await unlink(path);
    expect(await resumeAndComplete(path)).toEqual([{ start: 0, end: SIZE }]);
  });

  it.each(['EPERM', 'ENOTSUP'])('T075: the same where there are no hard links (%s)', async (code) => {
    const fileOps = faultyFileOps(failing('link', '', code));
    const free = await setUp({ overwrite: false, fileOps });
    await feed(free.sink, chunksOf(bytes));
    await free.sink.publish();
    expect((await readFile(free.path)).equals(bytes)).toBe(true);

    const taken = await setUp({ overwrite: false, fileOps });
    await feed(taken.sink, chunksOf(bytes));
    await writeFile(taken.path, 'theirs');
    await expect(taken.sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DESTINATION', reason: 'exists' });
    expect(await readFile(taken.path, 'utf8')).toBe('theirs');

    const failed = await setUp({ overwrite: false, fileOps });
    await feed(failed.sink, chunksOf(bytes));
    fileOps.before = (call) => {
      failing('link', '', code)(call);
      failing('rename', '.part', 'EIO')(call);
    };
    await expect(failed.sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
    await expect(stat(failed.path)).rejects.toThrow('ENOENT');
  });
});

describe('the fence', () => {
  function lockOf(path: string): DestinationLock & { lose(): void; releases: number } {
    const controller = new AbortController();
    return {
      path,
      compromised: controller.signal,
      releases: 0,
      async check() {
        controller.signal.throwIfAborted();
      },
      leave() {},
      async release() {
        this.releases += 1;
      },
      lose: () => controller.abort(new LockedError(path, 'taken over')),
    };
  }

  it('once the lock or the files are not ours any more, nothing on disk is touched', async () => {
    const lock = lockOf('/somewhere');
    const { path, fileOps, sink } = await setUp({ lock });
    await feed(sink, chunksOf(bytes, [first]));
    for (const chunk of chunksOf(bytes, [second])) sink.write(chunk);
    await vi.waitFor(() => expect(sink.writableLength).toBe(0), 1000);
    const before = await readFile(`${path}.part.checkpoint`);
    lock.lose();
    await expect(sink.publish()).rejects.toBeInstanceOf(LockedError);
    await sink.close();
    expect((await readFile(`${path}.part.checkpoint`)).equals(before)).toBe(true);
    expect(lock.releases).toBe(1);
    expect(fileOps.openFiles).toBe(0);
  });

  it('nothing is published by a process whose lock or files are not its own any more', async () => {
    const lock = lockOf('/somewhere');
    const { path, sink } = await setUp({ lock });
    await feed(sink, chunksOf(bytes));
    lock.check = async () => {
      throw new LockedError('/somewhere', 'taken over');
    };
    await expect(sink.publish()).rejects.toBeInstanceOf(LockedError);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('T077: the lock is looked at again before a rename is tried again', async () => {
    const lock = lockOf('/somewhere');
    const { path, fileOps, sink } = await setUp({ lock });
    await feed(sink, chunksOf(bytes));
    fileOps.before = (call) => {
      if (call.op === 'rename') {
        lock.check = async () => {
          throw new LockedError('/somewhere', 'taken over');
        };
      }
      failing('rename', '.part', 'EBUSY', 1)(call);
    };
    await expect(sink.publish()).rejects.toBeInstanceOf(LockedError);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('a journal that another process wrote to, took over or replaced stops the publish', async () => {
    const takeOvers: ((journal: string) => Promise<void>)[] = [
      (journal) => writeFile(journal, '\nmore', { flag: 'a' }),
      async (journal) => writeFile(journal, (await readFile(journal, 'latin1')).replace(/"epoch":"../, '"epoch":"zz')),
      async (journal) => {
        const content = await readFile(journal);
        await unlink(journal);
        await writeFile(journal, content);
      },
    ];
    for (const takeOver of takeOvers) {
      const { path, sink } = await setUp();
      await feed(sink, chunksOf(bytes));
      await takeOver(`${path}.part.checkpoint`);
      await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT' });
      await expect(stat(path)).rejects.toThrow('ENOENT');
    }
  });

  it('a lock that was handed over is released when the sink cannot be opened', async () => {
    const lock = lockOf('/somewhere');
    const fileOps = faultyFileOps(failing('open', '.part', 'EACCES'));
    await expect(setUp({ lock, fileOps })).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
    expect(lock.releases).toBe(1);
    expect(fileOps.openFiles).toBe(0);
  });
});

describe('wherever the disk fails', () => {
  it('no call that fails while opening leaves a file open or the lock held', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const sink = await openSink(path, objectOf(SIZE));
    await feed(sink, chunksOf(bytes, [first]));
    await sink.close();
    for (let index = 0; ; index++) {
      let count = 0;
      const fileOps = faultyFileOps((call) => {
        if (!call.path.includes('.lock') && count++ === index) throw systemError('EIO');
      });
      const opened = await openSink(path, objectOf(SIZE), { fileOps }).catch((error: unknown) => error);
      if (opened instanceof Error) expect(opened).toMatchObject({ code: expect.stringMatching(/^PS_ERR_/) });
      else await (opened as CheckpointSink).close();
      expect(fileOps.openFiles).toBe(0);
      await expect(stat(`${path}.part.lock`)).rejects.toThrow('ENOENT');
      if (count <= index) break;
    }
    await resumeAndComplete(path);
  });

  it('no call that fails while publishing makes a wrong file, or one that cannot be resumed', async () => {
    for (const overwrite of [true, false]) {
      for (let index = 0; ; index++) {
        const { path, fileOps, sink } = await setUp({ overwrite });
        await feed(sink, chunksOf(bytes));
        let count = 0;
        fileOps.before = (call) => {
          if (!call.path.includes('.lock') && count++ === index) throw systemError('EIO');
        };
        await sink.publish().catch(() => undefined);
        expect(fileOps.openFiles).toBe(0);
        fileOps.before = () => undefined;
        const there = await readFile(path).catch(() => undefined);
        if (there !== undefined) expect(there.equals(bytes)).toBe(true);
        await resumeAndComplete(path);
        if (count <= index) break;
      }
    }
  });
});
