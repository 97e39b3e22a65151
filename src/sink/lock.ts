/**
 * One writer per destination: a proper-lockfile lock whose file system is `LockDirectory`, which makes it race-free and
 * fenced. Refuses to touch a lock that is not, or no longer, its own.
 *
 * The first lock loads proper-lockfile, and that installs its signal-exit handlers (SIGINT, SIGTERM, SIGHUP, ...): they
 * give the lock back and then let the signal end the process as usual, unless the program has handlers of its own.
 * Merely importing this library installs none.
 */

import { DiskError, DownloadError, LockedError } from '../errors.js';
import { monotonicMs, sleep, wallClockMs } from '../time.js';
import { type FileOps, nodeFileOps } from './file-ops.js';
import { isMissing, LockDirectory } from './lock-directory.js';
import { lockFileSystem } from './lock-file-system.js';

/** The lock of one destination, held by this thread. */
export interface DestinationLock {
  /** The destination that is locked. */
  readonly path: string;
  /** Aborts with a {@link LockedError} as its reason when the lock is lost. */
  readonly compromised: AbortSignal;
  /**
   * The fence: looks at the disk whether the lock is still ours, and shows a sign of life.
   * @throws {LockedError} when it is lost or was released
   * @throws {DiskError} when the disk cannot tell
   */
  check(): Promise<void>;
  /** Gives the lock back; after a loss nothing on disk is touched. May be called again; never rejects. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** How long to wait for another live owner, in milliseconds; 0 tries once. */
  waitMs: number;
  signal?: AbortSignal | undefined;
  ops?: FileOps | undefined;
  /** Only tests change these. */
  timing?: Partial<LockTiming>;
}

/** In milliseconds. */
export interface LockTiming {
  /** An owner that is not known to be alive loses its lock after this long without a sign of life. */
  staleMs: number;
  /** Time between two signs of life; at least 1000. */
  updateMs: number;
  /** Time between two tries while waiting. */
  retryMs: number;
}

const DEFAULT_TIMING: LockTiming = { staleMs: 30_000, updateMs: 5_000, retryMs: 200 };

/** Lock paths that this thread holds or is about to: a second call need not ask the disk. */
const heldHere = new Set<string>();

/** A destination that is this call's alone, as far as this thread goes: enough while nothing of it is on disk. */
export interface DestinationClaim {
  /** Locks it for everybody, and takes the place of the claim. Rejects like {@link acquireDestinationLock}. */
  lock(): Promise<DestinationLock>;
  /** Gives the claim back, unless a lock has taken its place. */
  release(): void;
}

/**
 * Claims a destination within this thread; the disk is not touched.
 * @throws {LockedError} when another download of this thread has it for longer than `waitMs`
 */
export async function claimDestination(
  destination: { readonly path: string; readonly lockPath: string },
  options: LockOptions,
): Promise<DestinationClaim> {
  const { path, lockPath } = destination;
  const startedAtMs = monotonicMs();
  const tryToClaim = async (): Promise<boolean | LockedError> => {
    if (heldHere.has(lockPath)) return heldByUs(path);
    heldHere.add(lockPath);
    return true;
  };
  await untilDeadline(tryToClaim, options);
  // What one wait has taken is not there for the other.
  const waitMs = Math.max(0, options.waitMs - (monotonicMs() - startedAtMs));
  let isHeld = true;
  const release = () => {
    if (isHeld) heldHere.delete(lockPath);
    isHeld = false;
  };
  return {
    lock() {
      // No other download of this thread can come in between: nothing is awaited.
      release();
      return acquireDestinationLock(destination, { ...options, waitMs });
    },
    release,
  };
}

/**
 * Locks a destination for this thread.
 * @throws {LockedError} when another live process, thread or download holds it for longer than `waitMs`, or when
 * something else is in the place of the lock
 * @throws {DiskError} when the lock cannot be created
 */
export async function acquireDestinationLock(
  destination: { readonly path: string; readonly lockPath: string },
  options: LockOptions,
): Promise<DestinationLock> {
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const { signal, ops = nodeFileOps } = options;
  const lock = await untilDeadline(() => tryToLock(destination, ops, timing), options);
  if (!signal?.aborted) return lock;
  await lock.release();
  throw signal.reason;
}

/** Tries again, as long as it is a LockedError that comes back and `waitMs` have not passed. */
async function untilDeadline<T>(
  tryOnce: () => Promise<T | LockedError>,
  { waitMs, signal, timing }: LockOptions,
): Promise<T> {
  const deadlineMs = monotonicMs() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const got = await tryOnce();
    if (!(got instanceof LockedError)) return got;
    const leftMs = deadlineMs - monotonicMs();
    if (leftMs <= 0) throw got;
    await sleep(Math.min(timing?.retryMs ?? DEFAULT_TIMING.retryMs, leftMs), signal);
  }
}

function heldByUs(path: string): LockedError {
  return new LockedError(path, 'another download in this process is writing it');
}

/** Tries once; an error that waiting can cure is returned, not thrown. */
async function tryToLock(
  destination: { path: string; lockPath: string },
  ops: FileOps,
  timing: LockTiming,
): Promise<DestinationLock | LockedError> {
  const { path, lockPath } = destination;
  if (heldHere.has(lockPath)) return heldByUs(path);
  heldHere.add(lockPath);
  const directory = new LockDirectory(destination, ops, timing.staleMs);
  const fs = lockFileSystem(directory);
  const held = new HeldLock(path, lockPath, directory);
  try {
    const { lock } = await import('proper-lockfile');
    held.stopUpdates = await lock(path, {
      fs,
      lockfilePath: lockPath,
      realpath: false,
      stale: timing.staleMs,
      update: timing.updateMs,
      onCompromised: (error) => held.lose(error),
    });
    return held;
  } catch (error) {
    await directory.remove().catch(() => {});
    heldHere.delete(lockPath);
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return new LockedError(path, `held by ${fs.holder()}`);
    throw error instanceof DownloadError ? error : new DiskError(lockPath, error);
  }
}

class HeldLock implements DestinationLock {
  readonly path: string;
  /** Ends proper-lockfile's timer. */
  stopUpdates: () => Promise<void> = async () => {};
  readonly #lockPath: string;
  readonly #directory: LockDirectory;
  readonly #lost = new AbortController();
  #released: Promise<void> | undefined;

  constructor(path: string, lockPath: string, directory: LockDirectory) {
    this.path = path;
    this.#lockPath = lockPath;
    this.#directory = directory;
  }

  get compromised(): AbortSignal {
    return this.#lost.signal;
  }

  lose(cause: unknown): void {
    // While the lock is being released, an update that finds it gone is no loss.
    if (this.#released !== undefined) return;
    this.#lost.abort(
      new LockedError(this.path, 'the lock was taken over or removed while this download ran', { cause }),
    );
  }

  async check(): Promise<void> {
    if (this.#released !== undefined) throw new LockedError(this.path, 'the lock was released');
    this.compromised.throwIfAborted();
    try {
      await this.#directory.refresh(new Date(wallClockMs()));
    } catch (error) {
      if (!isMissing(error)) throw new DiskError(this.#lockPath, error);
      this.lose(error);
    }
    // Also when an update found the loss in the meantime.
    this.compromised.throwIfAborted();
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    // Invariant: after a loss nothing is deleted, and a successor's lock never is.
    if (!this.compromised.aborted) {
      // Fails when other code in this process has unlocked our path by name; the directory is ours all the same.
      await this.stopUpdates().catch(() => {});
      // A lock that cannot be removed is taken over as soon as this process has ended.
      await this.#directory.remove().catch(() => {});
    }
    heldHere.delete(this.#lockPath);
  }
}
