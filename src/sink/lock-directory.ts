/**
 * The lock as it is on disk: a directory that holds one file, `owner-<token>`, which names its owner. Owner and
 * directory appear in one rename; a lock is taken away by unlinking the file of the owner that was judged, by its
 * name. Both are compare-and-swap, so there is no moment at which two contenders can win, nor one at which the lock of
 * a live owner is moved away. Refuses whatever it does not know: a file, a symbolic link, other files inside.
 */

import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { LockedError } from '../errors.js';
import { wallClockMs } from '../time.js';
import { type FileOps, type FileStatus, OPEN_NEW } from './file-ops.js';
import { describeThisOwner, judgeOwner, nameOwner, readOwner } from './owner-record.js';

/** What is known about the holder of a lock. */
export interface LockJudgement {
  /** The owner is dead, or has given no sign of life for too long and is not known to be alive. */
  readonly takeable: boolean;
  /** For messages. */
  readonly holder: string;
  /** The name of the owner's file, or `undefined` for a directory without one. */
  readonly ownerFile: string | undefined;
}

const OWNER_FILE = /^owner-[0-9a-f]{32}$/;
// What rename says of a target that is there; it may be gone again when one looks. Windows has its own words for it.
const LOST_THE_RACE = new Set(['ENOTEMPTY', 'EEXIST', ...(process.platform === 'win32' ? ['EPERM', 'EACCES'] : [])]);
const MAX_STAGING_TRIES = 100;
const DIRECTORY_MODE = 0o700n;

/** One contender for one lock. It wins at most once. */
export class LockDirectory {
  readonly #path: string;
  readonly #destinationPath: string;
  readonly #ops: FileOps;
  readonly #staleMs: number;
  readonly #token: string = randomBytes(16).toString('hex');
  #claimed = false;

  constructor(destination: { path: string; lockPath: string }, ops: FileOps, staleMs: number) {
    this.#path = destination.lockPath;
    this.#destinationPath = destination.path;
    this.#ops = ops;
    this.#staleMs = staleMs;
  }

  /** Whether this contender won, and has not given the lock back. It may have been taken away since. */
  get claimed(): boolean {
    return this.#claimed;
  }

  get #ownerPath(): string {
    return join(this.#path, `owner-${this.#token}`);
  }

  /** Takes the lock if nobody has it; tells whether that worked. */
  async claim(): Promise<boolean> {
    // A rename would replace an empty directory: the lock of a program that keeps no record in it.
    if (await this.#exists(this.#path)) return false;
    const waitingRoom = `${this.#path}.new`;
    const staged = join(waitingRoom, this.#token);
    const leave = () => this.#ops.removeDirectory(staged, { recursive: true }).catch(() => {});
    await this.#stage(waitingRoom, staged).catch(async (error: unknown) => {
      await leave();
      await this.#sweep(waitingRoom);
      throw error;
    });
    try {
      // Invariant: a lock appears together with the record of its owner, and only where there was none.
      await this.#ops.rename(staged, this.#path);
      this.#claimed = true;
    } catch (error) {
      await leave();
      if (!LOST_THE_RACE.has(codeOf(error)) && !(await this.#exists(this.#path))) throw error;
    } finally {
      await this.#sweep(waitingRoom);
    }
    return this.#claimed && (await this.#isWhole());
  }

  /** Looks at the lock of somebody else; `undefined` when there is none. */
  async judge(): Promise<LockJudgement | undefined> {
    const changing = { takeable: false, holder: 'it is changing hands', ownerFile: undefined };
    const directory = await this.#lookAt(this.#path);
    if (!directory) return undefined;
    if (!directory.isDirectory()) this.#refuse('is not a directory');
    const names = await this.#ops.list(this.#path).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      return this.#refuse('cannot be read', error);
    });
    if (!names) return undefined;
    const [ownerFile, ...others] = names;
    if (ownerFile === undefined) {
      // One of ours died while it gave the lock back; who else would make it with this mode?
      const wasOurs = (directory.mode & 0o777n) === DIRECTORY_MODE;
      return { takeable: wasOurs || this.#isStale(directory), holder: 'a process that left no record', ownerFile };
    }
    if (others.length > 0 || !OWNER_FILE.test(ownerFile)) this.#refuse('holds files that are not ours');
    const ownerPath = join(this.#path, ownerFile);
    const file = await this.#lookAt(ownerPath);
    if (!file) return changing;
    if (!file.isFile()) this.#refuse('holds files that are not ours');
    return { ownerFile, ...(await this.#judgeOwnerFile(ownerPath, file)) };
  }

  /** Takes the lock away from the owner that was judged, and from nobody else. Does not claim it. */
  async takeAway(judged: LockJudgement): Promise<void> {
    if (judged.ownerFile !== undefined) {
      try {
        // Invariant: a lock is taken away by its owner's unique name, so never from a successor.
        await this.#ops.unlink(join(this.#path, judged.ownerFile));
      } catch (error) {
        if (isMissing(error)) return; // Somebody else was faster; the claim decides.
        throw error;
      }
    }
    await this.#ops.removeDirectory(this.#path).catch(() => {});
  }

  /** Shows a sign of life. Rejects with ENOENT or ENOTDIR when the lock is no longer ours. */
  refresh(time: Date): Promise<void> {
    // Invariant: an owner that lost its lock cannot refresh the lock of its successor.
    return this.#ops.setTimes(this.#ownerPath, time, time);
  }

  /** Gives the lock back if it is still ours. */
  async remove(): Promise<void> {
    if (!this.#claimed) return;
    this.#claimed = false;
    await this.takeAway({ takeable: true, holder: 'this process', ownerFile: basename(this.#ownerPath) });
  }

  /** Like `remove`, for the exit of the process. */
  removeNow(): void {
    if (!this.#claimed) return;
    this.#claimed = false;
    this.#ops.unlinkNow(this.#ownerPath);
    this.#ops.removeDirectoryNow(this.#path);
  }

  async #judgeOwnerFile(path: string, status: FileStatus): Promise<{ takeable: boolean; holder: string }> {
    const owner = await readOwner(path, this.#ops);
    const silent = this.#isStale(status);
    if (!owner) return { takeable: silent, holder: 'a process whose record cannot be read' };
    const liveness = await judgeOwner(owner, this.#ops);
    // Invariant: a lock is never taken from a process that is known to be alive, however long it has been silent.
    return { takeable: liveness === 'dead' || (liveness === 'unknown' && silent), holder: nameOwner(owner) };
  }

  // A time far in the future comes from a clock that was set back; it must not lock anybody out until then.
  #isStale(status: FileStatus): boolean {
    return Math.abs(wallClockMs() - Number(status.mtimeMs)) > this.#staleMs;
  }

  /** Somebody who thought us dead may have emptied the staged directory before the rename. */
  async #isWhole(): Promise<boolean> {
    try {
      await this.refresh(new Date(wallClockMs()));
      return true;
    } catch (error) {
      await this.remove();
      await this.#ops.removeDirectory(this.#path).catch(() => {});
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Prepares `<waitingRoom>/<token>`, with the record of this owner in it. */
  async #stage(waitingRoom: string, staged: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#ops.makeDirectory(waitingRoom, { mode: Number(DIRECTORY_MODE) }).catch(ignore('EEXIST'));
      const room = await this.#lookAt(waitingRoom);
      if (room && !room.isDirectory()) this.#refuse('is not a directory', undefined, waitingRoom);
      try {
        await this.#ops.makeDirectory(staged, { mode: Number(DIRECTORY_MODE) });
        break;
      } catch (error) {
        // The last contender leaves the waiting room just now, and takes it away.
        if (!isMissing(error) || tries >= MAX_STAGING_TRIES) throw error;
      }
    }
    const record = Buffer.from(`${JSON.stringify(await describeThisOwner(this.#ops))}\n`);
    const file = await this.#ops.open(join(staged, `owner-${this.#token}`), OPEN_NEW, 0o600);
    try {
      await file.write([record], 0);
    } finally {
      await file.close();
    }
  }

  /** Removes the waiting room, and what processes that died in it have left. Never fails: it is only tidying. */
  async #sweep(waitingRoom: string): Promise<void> {
    const leave = () => this.#ops.removeDirectory(waitingRoom);
    const sweep = async () => {
      for (const token of await this.#ops.list(waitingRoom)) {
        const ownerPath = join(waitingRoom, token, `owner-${token}`);
        const status = (await this.#lookAt(ownerPath)) ?? (await this.#lookAt(join(waitingRoom, token)));
        if (!status || !(await this.#judgeOwnerFile(ownerPath, status)).takeable) continue;
        await this.#ops.removeDirectory(join(waitingRoom, token), { recursive: true });
      }
      await leave();
    };
    await leave()
      .catch(sweep)
      .catch(() => {});
  }

  async #lookAt(path: string): Promise<FileStatus | undefined> {
    try {
      return await this.#ops.linkStatus(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #exists(path: string): Promise<boolean> {
    return (await this.#lookAt(path)) !== undefined;
  }

  #refuse(problem: string, cause?: unknown, path: string = this.#path): never {
    throw new LockedError(
      this.#destinationPath,
      `${path} ${problem}; remove it if no download to this file is running`,
      { cause },
    );
  }
}

/** The path, or a directory on the way to it, is not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function ignore(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error;
  };
}
