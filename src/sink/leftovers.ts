/** Removes the journal and the part file that an unfinished download has left beside its destination. */

import type { Destination } from './destination.js';
import { type FileOps, nodeFileOps } from './file-ops.js';
import { removeJournal } from './journal-file.js';
import type { DestinationLock } from './lock.js';

/** Nobody needs it any more: what cannot be removed stays. Nothing is touched unless the lock is ours. Never rejects. */
export async function removeLeftovers(
  { partPath, checkpointPath, besideCheckpointPath }: Destination,
  lock: DestinationLock,
  ops: FileOps = nodeFileOps,
): Promise<void> {
  try {
    await lock.check();
    // The record first: a journal never outlives its part file.
    for (const path of new Set([checkpointPath, besideCheckpointPath])) {
      if (path !== undefined) await removeJournal(ops, path);
    }
    await ops.unlink(partPath);
  } catch {
    // The next download of this destination removes it.
  }
}
