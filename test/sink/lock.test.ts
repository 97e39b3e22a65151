import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DiskError, LockedError } from '../../src/errors.js';
import { resolveDestination } from '../../src/sink/destination.js';
import { type FileOps, nodeFileOps } from '../../src/sink/file-ops.js';
import {
  acquireDestinationLock,
  claimDestination,
  type DestinationLock,
  type LockOptions,
} from '../../src/sink/lock.js';
import { describeThisOwner, judgeOwner, readOwner } from '../../src/sink/owner-record.js';
import { type Contender, startContender } from './contender.js';

let folder: string;
let path: string;
let lockPath: string;
const locks: DestinationLock[] = [];
const contenders: Contender[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'partstream-lock-'));
  path = join(folder, 'a.bin');
  lockPath = `${path}.part.lock`;
});

afterEach(async () => {
  await Promise.all(locks.splice(0).map((lock) => lock.release()));
  await Promise.all(contenders.splice(0).map((contender) => contender.kill('SIGKILL')));
  rmSync(folder, { recursive: true });
});

async function acquire(options: Partial<LockOptions> = {}): Promise<DestinationLock> {
  const lock = await acquireDestinationLock({ path, lockPath }, { waitMs: 0, ...options });
  locks.push(lock);
  return lock;
}

async function start(kind: 'process' | 'thread'): Promise<Contender> {
  const contender = await startContender(kind);
  contenders.push(contender);
  return contender;
}

const ownerFiles = () => readdirSync(lockPath);

/** What the disk looks like when an owner has given no sign of life for a day. */
function silence(): void {
  const longAgo = new Date(Date.now() - 86_400_000);
  for (const name of ownerFiles()) utimesSync(join(lockPath, name), longAgo, longAgo);
  utimesSync(lockPath, longAgo, longAgo);
}

/** A lock left by somebody else. */
function leaveLock(record: object | string): string {
  const name = `owner-${'0123456789abcdef'.repeat(2)}`;
  mkdirSync(lockPath);
  writeFileSync(join(lockPath, name), typeof record === 'string' ? record : JSON.stringify(record));
  return name;
}

describe('a lock that is free', () => {
  it('is taken, checked and given back without leaving anything', async () => {
    const lock = await acquire();
    expect(lock.path).toBe(path);
    expect(ownerFiles()).toHaveLength(1);
    expect(JSON.parse(readFileSync(join(lockPath, ownerFiles()[0] ?? ''), 'utf8'))).toMatchObject({
      pid: process.pid,
      hostname: hostname(),
    });
    await lock.check();
    await lock.release();
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
    await expect(lock.check()).rejects.toThrow(LockedError);
    expect(lock.compromised.aborted).toBe(false);
  });

  it('can be taken again after its release', async () => {
    await (await acquire()).release();
    await (await acquire()).check();
  });

  it('is a DiskError when the directory is read-only (T076)', async () => {
    const ops: FileOps = {
      ...nodeFileOps,
      makeDirectory: () => Promise.reject(Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' })),
    };
    await expect(acquire({ ops })).rejects.toThrow(DiskError);
    await (await acquire()).check();
  });
});

describe('a second call in the same process', () => {
  it('T137-lock: is Locked, and succeeds after the release', async () => {
    const first = await acquire();
    await expect(acquire()).rejects.toThrow(LockedError);
    await first.check();
    await first.release();
    await acquire();
  });

  it('T137-lock: only one of many that start together gets the lock', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => acquire()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('waits as long as it was allowed to', async () => {
    const first = await acquire();
    const second = acquire({ waitMs: 10_000, timing: { retryMs: 5 } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await first.release();
    await (await second).check();
  });

  it('waits no longer in all when a call of this process and then another process hold it', async () => {
    const first = await claimDestination({ path, lockPath }, { waitMs: 0 });
    await (await start('process')).tell({ lock: path });
    const startedAtMs = performance.now();
    const second = claimDestination({ path, lockPath }, { waitMs: 1200 });
    setTimeout(() => first.release(), 800);
    await expect((await second).lock()).rejects.toThrow(LockedError);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(1150);
    expect(performance.now() - startedAtMs).toBeLessThan(1900);
  });

  it('stops waiting when its signal aborts, with the reason of the signal', async () => {
    await acquire();
    const abort = new AbortController();
    const waiting = acquire({ waitMs: 60_000, signal: abort.signal });
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it('T105: is Locked through a symbolic link, a ./ and a relative path as well', async () => {
    const alias = join(folder, 'alias');
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), alias);
    const options = { overwrite: true, checkpoint: true };
    const target = join(folder, 'real', 'b.bin');
    const lock = await acquireDestinationLock(await resolveDestination(target, 'k', options), { waitMs: 0 });
    locks.push(lock);
    const relative = join('..'.concat('/..'.repeat(process.cwd().split('/').length)), target);
    for (const other of [join(alias, 'b.bin'), `${folder}/real/./b.bin`, relative]) {
      const destination = await resolveDestination(other, 'k', options);
      await expect(acquireDestinationLock(destination, { waitMs: 0 })).rejects.toThrow(LockedError);
    }
  });
});

describe('two processes or threads', () => {
  it('T100: of two processes one proceeds, the other is Locked and told by whom', async () => {
    const [one, other] = await Promise.all([start('process'), start('process')]);
    expect(await one.tell({ lock: path })).toMatchObject({ locked: true });
    const refused = await other.tell({ lock: path });
    expect(refused.code).toBe('PS_ERR_LOCKED');
    expect(refused.message).toContain(String(one.pid));
    other.send({ lock: path, waitMs: 15_000, timing: { retryMs: 10 } });
    await one.tell({ release: true });
    expect(await other.answer()).toMatchObject({ locked: true });
  });

  it('T110: of 4 worker threads one proceeds, the others are Locked', async () => {
    const threads = await Promise.all([start('thread'), start('thread'), start('thread'), start('thread')]);
    const answers = await Promise.all(threads.map((thread) => thread.tell({ lock: path })));
    expect(answers.filter(({ locked }) => locked)).toHaveLength(1);
    expect(answers.filter(({ code }) => code === 'PS_ERR_LOCKED')).toHaveLength(3);
  });

  it('a lock left by kill -9 is taken over at once', async () => {
    const child = await start('process');
    expect(await child.tell({ lock: path })).toMatchObject({ locked: true });
    await expect(acquire()).rejects.toThrow(LockedError);
    await child.kill('SIGKILL');
    expect(ownerFiles()).toHaveLength(1);
    await (await acquire()).check();
  });

  it('T096-lock: SIGTERM ends the process by its default disposition, and the lock is given back', async () => {
    const child = await start('process');
    await child.tell({ lock: path });
    expect(await child.kill('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it("T103: a lock is taken away by its owner's unique name, so never from a successor (6 processes, 20 rounds)", async () => {
    const racers = await Promise.all(Array.from({ length: 6 }, () => start('process')));
    const marker = join(folder, 'owner-at-work');
    for (let round = 0; round < 20; round++) {
      // Left by nobody who lives: half the rounds for certain, half by silence.
      const dead = { ...(await describeThisOwner(nodeFileOps)), startTime: 'never' };
      leaveLock(round % 2 === 0 ? dead : { ...dead, hostname: 'elsewhere' });
      silence();
      const answers = await Promise.all(racers.map((racer) => racer.tell({ lock: path, marker })));
      expect(answers.filter(({ locked }) => locked)).toHaveLength(1);
      expect(answers.filter(({ code }) => code === 'PS_ERR_LOCKED')).toHaveLength(5);
      const winner = racers[answers.findIndex(({ locked }) => locked)];
      await winner?.tell({ release: true });
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('T103: a lock appears together with the record of its owner, and only where there was none (6 processes, 60 turns)', async () => {
    const racers = await Promise.all(Array.from({ length: 6 }, () => start('process')));
    const marker = join(folder, 'owner-at-work');
    await Promise.all(
      racers.map(async (racer) => {
        for (let turn = 0; turn < 10; turn++) {
          const order = { lock: path, marker, waitMs: 15_000, timing: { retryMs: 1 } };
          expect(await racer.tell(order)).toEqual({ locked: true });
          await racer.tell({ release: true });
        }
      }),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a lock is never taken from a process that is known to be alive, however long it has been silent', async () => {
    const child = await start('process');
    await child.tell({ lock: path });
    silence();
    await expect(acquire()).rejects.toThrow(LockedError);
    expect((await child.tell({ check: true })).code).toBeUndefined();
  });

  it('T107: an owner that lost its lock cannot refresh the lock of its successor (after a blocked event loop)', async () => {
    const thread = await start('thread');
    await thread.tell({ lock: path });
    const gate = new SharedArrayBuffer(4);
    thread.send({ block: gate });
    await new Promise((resolve) => setTimeout(resolve, 20));
    silence();
    const successor = await acquire();
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    await thread.answer();
    expect((await thread.tell({ check: true })).code).toBe('PS_ERR_LOCKED');
    // T104: the release of the one that lost does not touch its successor.
    expect(await thread.tell({ release: true })).toMatchObject({ compromised: true });
    await successor.check();
  });
});

describe('a lock that was lost', () => {
  it("T104: after a loss nothing is deleted, and a successor's lock never is", async () => {
    const lock = await acquire();
    rmSync(lockPath, { recursive: true });
    const successor = leaveLock('somebody else');
    await lock.release();
    expect(ownerFiles()).toEqual([successor]);
  });

  it('fails the check, aborts `compromised` with a LockedError, and nothing is deleted after that', async () => {
    const lock = await acquire();
    const own = ownerFiles();
    rmSync(lockPath, { recursive: true });
    await expect(lock.check()).rejects.toThrow(LockedError);
    expect(lock.compromised.reason).toBeInstanceOf(LockedError);
    await expect(lock.check()).rejects.toBe(lock.compromised.reason);
    mkdirSync(lockPath);
    writeFileSync(join(lockPath, own[0] ?? ''), 'moved back');
    await lock.release();
    expect(ownerFiles()).toEqual(own);
  });

  it('is noticed by the regular sign of life, without a check', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      const lock = await acquire({ timing: { updateMs: 1_000 } });
      rmSync(lockPath, { recursive: true });
      const noticed = new Promise((resolve) => lock.compromised.addEventListener('abort', resolve));
      vi.advanceTimersByTime(1_000);
      await noticed;
      expect(lock.compromised.reason).toBeInstanceOf(LockedError);
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps this process from a second writer until it was released', async () => {
    const lock = await acquire();
    rmSync(lockPath, { recursive: true });
    await expect(lock.check()).rejects.toThrow(LockedError);
    await expect(acquire()).rejects.toThrow(LockedError);
    await lock.release();
    await acquire();
  });

  it('is not reported for a disk that cannot tell: that is a DiskError', async () => {
    let failing = false;
    const ops: FileOps = {
      ...nodeFileOps,
      setTimes: (...args) =>
        failing ? Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' })) : nodeFileOps.setTimes(...args),
    };
    const lock = await acquire({ ops });
    failing = true;
    await expect(lock.check()).rejects.toThrow(DiskError);
    expect(lock.compromised.aborted).toBe(false);
    failing = false;
    await lock.check();
  });

  it('T108: coarse file times are no loss', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      let updates = 0;
      const ops: FileOps = {
        ...nodeFileOps,
        setTimes: async (target, _accessed, modified) => {
          const coarse = new Date(Math.floor(modified.getTime() / 2_000) * 2_000);
          await nodeFileOps.setTimes(target, coarse, coarse);
          updates++;
        },
      };
      const lock = await acquire({ ops });
      for (let step = 1; step <= 12; step++) {
        const before = updates;
        vi.advanceTimersByTime(5_000);
        await vi.waitFor(() => updates > before || Promise.reject(new Error('no update yet')), { interval: 1 });
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(lock.compromised.aborted).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is still ours after other code has unlocked our path by name', async () => {
    const { unlock } = await import('proper-lockfile');
    const lock = await acquire();
    await unlock(path, { realpath: false, lockfilePath: lockPath }).catch(() => {});
    await lock.check();
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('T106: what is in the place of the lock', () => {
  const linkElsewhere = (at: string) => {
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync('elsewhere', at);
  };
  const cases: [string, () => void, RegExp][] = [
    ['a file', () => writeFileSync(lockPath, ''), /is not a directory; remove it/],
    ['a symbolic link to a directory', () => linkElsewhere(lockPath), /is not a directory; remove it/],
    ['a dangling symbolic link', () => symlinkSync('nowhere', lockPath), /is not a directory; remove it/],
    [
      'a directory with other files',
      () => {
        mkdirSync(lockPath);
        writeFileSync(join(lockPath, 'notes.txt'), 'mine');
      },
      /holds files that are not ours; remove it/,
    ],
    ['a waiting room that is a symbolic link', () => linkElsewhere(`${lockPath}.new`), /\.new is not a directory/],
  ];
  it.each(cases)('%s is Locked at once, with a hint, and stays as it is', async (_what, plant, hint) => {
    plant();
    const before = readdirSync(folder, { recursive: true });
    const started = performance.now();
    const refused = acquire({ waitMs: 60_000 });
    await expect(refused).rejects.toThrow(LockedError);
    await expect(refused).rejects.toThrow(hint);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  });

  it('an empty directory is the lock of another program, until it is stale', async () => {
    mkdirSync(lockPath);
    await expect(acquire()).rejects.toThrow(LockedError);
    silence();
    await (await acquire()).check();
  });
});

describe('the owner of a lock that was left behind', () => {
  it('is gone when it died between removing its record and its directory', async () => {
    const lock = await acquire();
    rmSync(join(lockPath, ownerFiles()[0] ?? ''));
    await lock.release();
    expect(ownerFiles()).toEqual([]);
    await (await acquire()).check();
  });

  it('is not taken for dead when it is on another host, until it has been silent for long', async () => {
    leaveLock({ pid: 1, threadId: 0, hostname: 'elsewhere' });
    await expect(acquire()).rejects.toThrow('process 1 on "elsewhere"');
    silence();
    await (await acquire()).check();
  });

  it('is unknown when its record is torn, so that only silence decides', async () => {
    leaveLock('{"pid":');
    await expect(acquire()).rejects.toThrow(LockedError);
    silence();
    await (await acquire()).check();
  });

  it('T098: a time a day in the future locks nobody out for a day', async () => {
    const name = leaveLock({ pid: 1, threadId: 0, hostname: 'elsewhere' });
    const tomorrow = new Date(Date.now() + 86_400_000);
    utimesSync(join(lockPath, name), tomorrow, tomorrow);
    await (await acquire()).check();
  });

  it('is judged by its start time, its boot and its namespace, and not by its number alone', async () => {
    const here = await describeThisOwner(nodeFileOps);
    expect(await judgeOwner(here, nodeFileOps)).toBe('unknown');
    expect(await judgeOwner({ ...here, startTime: 'other' }, nodeFileOps)).toBe('dead');
    expect(await judgeOwner({ ...here, startTime: 'other', bootId: 'other' }, nodeFileOps)).toBe('unknown');
    expect(await judgeOwner({ ...here, startTime: 'other', pidNamespace: 'other' }, nodeFileOps)).toBe('unknown');
    expect(await judgeOwner({ ...here, pid: 2 ** 30 }, nodeFileOps)).toBe('dead');
    expect(await judgeOwner({ ...here, pid: process.ppid, startTime: 'other' }, nodeFileOps)).toBe('dead');
  });

  it.each(['', 'null', '[]', '{"pid":-1,"hostname":"h"}', '{"pid":1e999,"hostname":"h"}', '{"pid":1,"hostname":7}'])(
    'has no record when the file holds %j',
    async (text) => {
      writeFileSync(join(folder, 'record'), text);
      expect(await readOwner(join(folder, 'record'), nodeFileOps)).toBeUndefined();
    },
  );

  it('leaves nothing in the waiting room when it died there', async () => {
    const token = 'f'.repeat(32);
    mkdirSync(join(`${lockPath}.new`, token), { recursive: true });
    const dead = { ...(await describeThisOwner(nodeFileOps)), startTime: 'never' };
    writeFileSync(join(`${lockPath}.new`, token, `owner-${token}`), JSON.stringify(dead));
    await (await acquire()).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

it('T145-lock: importing the lock installs no signal handlers; only the first lock does', () => {
  const program = `
    const { acquireDestinationLock } = await import(${JSON.stringify(new URL('../../src/sink/lock.ts', import.meta.url).href)});
    const handlers = () => ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => process.listenerCount(name)).join();
    const before = handlers();
    const lock = await acquireDestinationLock({ path: ${JSON.stringify(path)}, lockPath: ${JSON.stringify(lockPath)} }, { waitMs: 0 });
    console.log(before, handlers());
    process.exit(0);`;
  const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  expect(output.trim()).toBe('0,0,0 1,1,1');
  // T097-lock: process.exit() gives the lock back.
  expect(() => lstatSync(lockPath)).toThrow('ENOENT');
});
