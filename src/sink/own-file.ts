/**
 * Is the file beside the destination one of ours? Looked at before a single byte of it is believed or overwritten.
 * Refuses links of both kinds, what is no file, and files that another user owns or may write to.
 */

import { errorCode } from '../error-code.js';
import { DiskError } from '../errors.js';
import type { FileOps, FileStatus } from './file-ops.js';

/** The status of the directory entry itself, or undefined when there is none. */
export function statusOf(ops: FileOps, path: string): Promise<FileStatus | undefined> {
  return ops.linkStatus(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  });
}

/** Why an entry must not be written to: another name leads to its bytes; undefined when it may. */
export function linkProblem(status: FileStatus): string | undefined {
  if (status.isSymbolicLink()) return 'is a symbolic link';
  if (!status.isFile()) return 'is not a regular file';
  // Invariant: bytes never go through a hard link into a file that is not ours.
  return status.nlink > 1n ? 'has another name (a hard link)' : undefined;
}

/** Why the content of a file must not be believed: somebody else can have written it; undefined when it may be. */
export function ownerProblem(status: FileStatus): string | undefined {
  const uid = process.getuid?.();
  // Windows has neither a uid nor these mode bits.
  if (uid === undefined) return undefined;
  if (status.uid !== BigInt(uid)) return 'belongs to another user';
  return (status.mode & 0o022n) === 0n ? undefined : 'can be written by other users';
}

/** Whether both are the same file (not merely equal ones). */
export function isSameFile(a: FileStatus, b: FileStatus): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** @throws {DiskError} when it is there and cannot be removed */
export function removeIfThere(ops: FileOps, path: string): Promise<void> {
  return ops.unlink(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw new DiskError(path, error);
  });
}

/** What `work` fails with becomes a DiskError about `path`. */
export function onDisk<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw new DiskError(path, error);
  });
}
