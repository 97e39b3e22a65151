/** Whether the lock and the files are still ours. Once they are not, it stays broken. */

import type { JournalFile } from './journal-file.js';
import type { DestinationLock } from './lock.js';
import type { PartFile } from './part-file.js';

export interface FencedFiles {
  readonly lock: DestinationLock;
  readonly part: PartFile;
  readonly journal: JournalFile | undefined;
}

export class Fence {
  readonly #files: FencedFiles;
  #isBroken = false;

  constructor(files: FencedFiles) {
    this.#files = files;
  }

  // Invariant: once the lock or the files are not ours any more, nothing on disk is touched.
  get isBroken(): boolean {
    return this.#isBroken;
  }

  break(): void {
    this.#isBroken = true;
  }

  /** Rejects when the fence is broken, and breaks it when the lock was lost or somebody else replaced a file. */
  async check(): Promise<void> {
    const { lock, part, journal } = this.#files;
    try {
      await lock.check();
      await part.checkOwnership();
      await journal?.checkOwnership();
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }
}
