/**
 * The one seam to the file system. Everything under sink/ takes a FileOps, so that a test can inject faults, count
 * calls and simulate a power loss. Refuses positions that Node would silently replace by the current offset.
 */

import { type BigIntStats, constants, rmdirSync, unlinkSync } from 'node:fs';
import {
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  unlink,
  utimes,
} from 'node:fs/promises';

/** What is used of a file's status. `birthtimeNs` tells a reused inode number from the same file. */
export type FileStatus = Pick<
  BigIntStats,
  | 'dev'
  | 'ino'
  | 'nlink'
  | 'uid'
  | 'mode'
  | 'size'
  | 'blocks'
  | 'birthtimeNs'
  | 'mtimeMs'
  | 'isFile'
  | 'isDirectory'
  | 'isSymbolicLink'
>;

/** An open file. Positions are absolute; there is no current offset. */
export interface OpenFile {
  /** Writes all the buffers at `position`, continuing short writes. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Reads up to `bytes.length` bytes; the number read is short only at the end of the file. */
  read(bytes: Uint8Array, position: number): Promise<number>;
  datasync(): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  status(): Promise<FileStatus>;
  /** Lets those read the file who may read any new file of this process (umask); nobody else may write it. */
  makeReadable(): Promise<void>;
  close(): Promise<void>;
}

/** All calls to the file system that the sink makes. */
export interface FileOps {
  open(path: string, flags: number, mode?: number): Promise<OpenFile>;
  status(path: string): Promise<FileStatus>;
  linkStatus(path: string): Promise<FileStatus>;
  realPath(path: string): Promise<string>;
  list(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  makeDirectory(path: string, options?: { recursive?: boolean; mode?: number }): Promise<void>;
  removeDirectory(path: string, options?: { recursive?: boolean }): Promise<void>;
  setTimes(path: string, accessTime: Date, modificationTime: Date): Promise<void>;
  freeBytes(path: string): Promise<number>;
  /** `unlink` without a promise, for the last moment of a process. */
  unlinkNow(path: string): void;
  /** `removeDirectory` of an empty directory without a promise, for the last moment of a process. */
  removeDirectoryNow(path: string): void;
}

/** Node's own file system. */
export const nodeFileOps: FileOps = {
  open: openNodeFile,
  status: (path) => stat(path, { bigint: true }),
  linkStatus: (path) => lstat(path, { bigint: true }),
  realPath: (path) => realpath(path),
  list: (path) => readdir(path),
  rename,
  link,
  unlink,
  makeDirectory: async (path, options) => void (await mkdir(path, options)),
  removeDirectory: (path, options) => (options?.recursive ? rm(path, { recursive: true }) : rmdir(path)),
  setTimes: utimes,
  freeBytes: async (path) => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
  unlinkNow: unlinkSync,
  removeDirectoryNow: rmdirSync,
};

async function openNodeFile(path: string, flags: number, mode?: number): Promise<OpenFile> {
  const handle = await open(path, flags, mode);
  return {
    async write(buffers, position) {
      let left = buffers.filter((buffer) => buffer.byteLength > 0);
      let offset = position;
      // Invariant: a short write is continued, never taken for a whole one.
      while (left.length > 0) {
        checkPosition(offset);
        const { bytesWritten } = await handle.writev(left, offset);
        if (bytesWritten === 0) throw Object.assign(new Error('the file system wrote nothing'), { code: 'EIO' });
        offset += bytesWritten;
        left = dropBytes(left, bytesWritten);
      }
    },
    async read(bytes, position) {
      let total = 0;
      while (total < bytes.byteLength) {
        checkPosition(position + total);
        const { bytesRead } = await handle.read(bytes, total, bytes.byteLength - total, position + total);
        if (bytesRead === 0) break;
        total += bytesRead;
      }
      return total;
    },
    datasync: () => handle.datasync(),
    sync: () => handle.sync(),
    truncate: (length) => handle.truncate(length),
    status: () => handle.stat({ bigint: true }),
    makeReadable: () => handle.chmod(0o644 & ~process.umask()),
    close: () => handle.close(),
  };
}

// Invariant: bytes are never written at a position that is not a safe integer, where Node would use the current offset.
function checkPosition(position: number): void {
  if (!Number.isSafeInteger(position) || position < 0)
    throw new RangeError(`file position ${position} is out of range`);
}

function dropBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const left: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.byteLength) skip -= buffer.byteLength;
    else {
      left.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return left;
}

/** Open flags: an existing file of ours, never through a symbolic link. */
export const OPEN_EXISTING: number = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);
/** Open flags: a new file, never one that is there already. */
export const OPEN_NEW: number = OPEN_EXISTING | constants.O_CREAT | constants.O_EXCL;
/** Open flags: an existing file, to look at it only, never through a symbolic link, never waiting for a pipe's writer. */
export const OPEN_TO_READ: number = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Open flags: a directory, to sync it. */
export const OPEN_DIRECTORY: number = constants.O_RDONLY;
