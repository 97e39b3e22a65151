/** A lock that is held: its fence, its loss and its release. Refuses to touch it once it is lost. */

import { DiskError, LockedError } from '../errors.js';
import { wallClockMs } from '../time.js';
import type { Holding } from './held-here.js';
import { isMissing, type LockDirectory } from './lock-directory.js';

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
  /** It will be released soon: who asks for it in this thread waits for that, and is not refused. */
  leave(): void;
  /** Gives the lock back; after a loss nothing on disk is touched. May be called again; never rejects. */
  release(): Promise<void>;
}

/** Two locks as one. */
export function joinLocks(first: DestinationLock, second: DestinationLock): DestinationLock {
  return {
    path: first.path,
    compromised: AbortSignal.any([first.compromised, second.compromised]),
    async check() {
      await first.check();
      await second.check();
    },
    leave() {
      first.leave();
      second.leave();
    },
    async release() {
      await second.release();
      await first.release();
    },
  };
}

export class HeldLock implements DestinationLock {
  readonly path: string;
  /** Ends proper-lockfile's timer. */
  stopUpdates: () => Promise<void> = async () => {};
  readonly #lockPath: string;
  readonly #directory: LockDirectory;
  readonly #holding: Holding;
  readonly #lost = new AbortController();
  #released: Promise<void> | undefined;

  constructor(path: string, lockPath: string, directory: LockDirectory, holding: Holding) {
    this.path = path;
    this.#holding = holding;
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

  leave(): void {
    this.#holding.leave();
  }

  release(): Promise<void> {
    this.leave();
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
    this.#holding.release();
  }
}
