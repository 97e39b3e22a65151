/**
 * The end of a sink: records what can be recorded, closes the files, and lets the lock go. Removes the bytes only where
 * nothing records them, and touches nothing that is not ours any more.
 */

import type { Fence } from './fence.js';
import type { FileOps } from './file-ops.js';
import type { GroupCommit } from './group-commit.js';
import type { JournalFile } from './journal-file.js';
import type { DestinationLock } from './lock.js';
import type { PartFile } from './part-file.js';

export interface OpenFiles {
  readonly ops: FileOps;
  readonly part: PartFile;
  readonly journal: JournalFile | undefined;
  readonly lock: DestinationLock;
  readonly commit: GroupCommit;
  readonly fence: Fence;
  readonly isPublished: boolean;
}

export async function closeFiles({ ops, part, journal, lock, commit, fence, isPublished }: OpenFiles): Promise<void> {
  try {
    if (!fence.isBroken && !isPublished) await commit.record().catch(() => undefined);
    await commit.end();
    if (journal === undefined && !isPublished) {
      // What cannot be removed stays: the file is closed and the lock let go all the same.
      await fence
        .check()
        .then(() => ops.unlink(part.path))
        .catch(() => undefined);
    }
    if (fence.isBroken) await part.close();
    else await commit.syncData((file) => file.close());
  } finally {
    await journal?.close().catch(() => undefined);
    await lock.release();
  }
}
