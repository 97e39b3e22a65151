/**
 * Makes the names in a directory durable. Some file systems cannot, and say so: that is no error. A failing disk is.
 * Many small files in one directory share a sync.
 */

import { errorCode } from '../error-code.js';
import { DiskError } from '../errors.js';
import { type FileOps, OPEN_DIRECTORY } from './file-ops.js';

const NOT_SUPPORTED = new Set(['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF', 'EACCES']);

/** Of one directory: the sync that goes on, and the one that begins after it, for everybody who asks meanwhile. */
interface Syncs {
  running: Promise<void> | undefined;
  next: Promise<void> | undefined;
}

const syncs = new WeakMap<FileOps, Map<string, Syncs>>();

export function syncDirectory(ops: FileOps, path: string): Promise<void> {
  const ofOps = syncs.get(ops) ?? new Map<string, Syncs>();
  syncs.set(ops, ofOps);
  const state = ofOps.get(path) ?? { running: undefined, next: undefined };
  ofOps.set(path, state);
  const begin = (): Promise<void> => {
    state.next = undefined;
    state.running = syncNow(ops, path).finally(() => {
      state.running = undefined;
      if (state.next === undefined) ofOps.delete(path);
    });
    return state.running;
  };
  if (state.running === undefined) return begin();
  // Invariant: a name is durable only by a sync that began after it was given.
  state.next ??= state.running.then(begin, begin);
  return state.next;
}

async function syncNow(ops: FileOps, path: string): Promise<void> {
  try {
    const directory = await ops.open(path, OPEN_DIRECTORY);
    // Nothing was written through it that closing it could lose: nobody has to wait for that.
    await directory.sync().finally(() => void directory.close().catch(() => undefined));
  } catch (error) {
    if (!NOT_SUPPORTED.has(errorCode(error) ?? '')) throw new DiskError(path, error);
  }
}
