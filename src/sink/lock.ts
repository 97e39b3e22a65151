/**
 * One writer per destination: a proper-lockfile lock whose file system is `LockDirectory`, which makes it race-free and
 * fenced. Refuses to touch a lock that is not, or no longer, its own.
 *
 * The first lock loads proper-lockfile, and that installs its signal-exit handlers (SIGINT, SIGTERM, SIGHUP, ...): they
 * give the lock back and then let the signal end the process as usual, unless the program has handlers of its own.
 * Merely importing this library installs none.
 */

import { createRequire } from 'node:module';
import { errorCode } from '../error-code.js';
import { DiskError, DownloadError, LockedError } from '../errors.js';
import { monotonicMs, sleep } from '../time.js';
import type { Destination } from './destination.js';
import { type FileOps, nodeFileOps } from './file-ops.js';
import { type Holding, holdHere, leftHere } from './held-here.js';
import { type DestinationLock, HeldLock, joinLocks } from './held-lock.js';
import { LockDirectory } from './lock-directory.js';
import { lockFileSystem } from './lock-file-system.js';

export type { DestinationLock } from './held-lock.js';

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

/** What is locked: the destination, and a checkpoint that is elsewhere, which another destination could have, too. */
export type LockPlace = Pick<Destination, 'path' | 'lockPath' | 'checkpointLock'>;

/** A destination that is this call's alone, as far as this thread goes: enough while nothing of it is on disk. */
export interface DestinationClaim {
  /** Another download of this thread had it until now: what was seen there before may be different. */
  readonly hasWaited: boolean;
  /** Locks it for everybody, and takes the place of the claim. Rejects like {@link acquireDestinationLock}. */
  lock(): Promise<DestinationLock>;
  /** Gives the claim back, unless a lock has taken its place. */
  release(): void;
}

/**
 * Claims a destination within this thread; the disk is not touched.
 * @throws {LockedError} when another download of this thread has it for longer than `waitMs`
 */
export async function claimDestination(destination: LockPlace, options: LockOptions): Promise<DestinationClaim> {
  const { path, lockPath } = destination;
  const startedAtMs = monotonicMs();
  const { signal } = options;
  let hasWaited = false;
  const tryToClaim = async (): Promise<Holding | LockedError> => {
    const left = leftHere(lockPath, signal);
    hasWaited ||= left !== undefined;
    await left;
    const taken = holdHere(lockPath, signal);
    hasWaited ||= taken === undefined;
    return taken ?? heldByUs(path);
  };
  const holding = await untilDeadline(tryToClaim, options);
  // The time that this wait took is not there for the next one.
  const waitMs = Math.max(0, options.waitMs - (monotonicMs() - startedAtMs));
  return {
    hasWaited,
    lock() {
      // No other download of this thread can come in between: nothing is awaited.
      holding.release();
      return acquireDestinationLock(destination, { ...options, waitMs });
    },
    release: holding.release,
  };
}

/**
 * Locks a destination for this thread.
 * @throws {LockedError} when another live process, thread or download holds it for longer than `waitMs`, or when
 * something else is in the place of the lock
 * @throws {DiskError} when the lock cannot be created
 */
export async function acquireDestinationLock(destination: LockPlace, options: LockOptions): Promise<DestinationLock> {
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const { signal, ops = nodeFileOps } = options;
  const lock = await untilDeadline(() => tryToLockAll(destination, { ops, timing, signal }), options);
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

interface LockMeans {
  readonly ops: FileOps;
  readonly timing: LockTiming;
  readonly signal: AbortSignal | undefined;
}

/** Tries once, for all locks that the place has or for none. */
async function tryToLockAll(place: LockPlace, means: LockMeans): Promise<DestinationLock | LockedError> {
  const first = await tryToLock(place, means);
  if (place.checkpointLock === undefined || first instanceof LockedError) return first;
  const second = await tryToLock(place.checkpointLock, means).catch(async (error: unknown) => {
    await first.release();
    throw error;
  });
  if (!(second instanceof LockedError)) return joinLocks(first, second);
  await first.release();
  return second;
}

/** Node remembers a module that it could not read (EMFILE) as one that is not there: then it is required, which tries anew. */
async function loadLockfile(): Promise<typeof import('proper-lockfile')> {
  return await import('proper-lockfile').catch(() => createRequire(import.meta.url)('proper-lockfile'));
}

/** Tries once; an error that waiting can cure is returned, not thrown. */
async function tryToLock(
  destination: { path: string; lockPath: string },
  { ops, timing, signal }: LockMeans,
): Promise<DestinationLock | LockedError> {
  const { path, lockPath } = destination;
  const leaving = leftHere(lockPath, signal);
  // Not awaited where nobody is leaving: a claim must become a lock without a gap.
  if (leaving !== undefined) await leaving;
  const holding = holdHere(lockPath, signal);
  if (holding === undefined) return heldByUs(path);
  const directory = new LockDirectory(destination, ops, timing.staleMs);
  const fs = lockFileSystem(directory);
  const held = new HeldLock(path, lockPath, directory, holding);
  try {
    const { lock } = await loadLockfile();
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
    holding.release();
    if (errorCode(error) === 'ELOCKED') return new LockedError(path, `held by ${fs.holder()}`);
    throw error instanceof DownloadError ? error : new DiskError(lockPath, error);
  }
}
