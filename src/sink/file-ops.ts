/**
 * The one seam to the file system. Everything under sink/ takes a FileOps, so that a test can inject faults, count
 * calls and simulate a power loss. Refuses positions that Node would silently replace by the current offset.
 */

import fs, { type BigIntStats, constants } from 'node:fs';

/** What is used of a file's status. */
export type FileStatus = Pick<
  BigIntStats,
  'dev' | 'ino' | 'nlink' | 'uid' | 'mode' | 'size' | 'blocks' | 'mtimeMs' | 'isFile' | 'isDirectory' | 'isSymbolicLink'
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
  /** Once nothing uses it any more. Idempotent. */
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
  makeDirectory(path: string, options?: { mode?: number }): Promise<void>;
  removeDirectory(path: string, options?: { recursive?: boolean }): Promise<void>;
  setTimes(path: string, accessTime: Date, modificationTime: Date): Promise<void>;
  freeBytes(path: string): Promise<number>;
  /** Rejects when this process may not make files in the directory. */
  checkWritable(path: string): Promise<void>;
  /** `unlink` without a promise, for the last moment of a process. */
  unlinkNow(path: string): void;
  /** `removeDirectory` of an empty directory without a promise, for the last moment of a process. */
  removeDirectoryNow(path: string): void;
}

/** Node's own file system, by its callbacks: the promises of `fs/promises` cost small files noticeably more. */
export const nodeFileOps: FileOps = {
  open: async (path, flags, mode) => openFile(await called<number>((done) => fs.open(path, flags, mode, done))),
  status: (path) => called<FileStatus>((done) => fs.stat(path, BIG, done)),
  linkStatus: (path) => called<FileStatus>((done) => fs.lstat(path, BIG, done)),
  realPath: (path) => called<string>((done) => fs.realpath.native(path, done)),
  list: (path) => called<string[]>((done) => fs.readdir(path, done)),
  rename: (from, to) => called<void>((done) => fs.rename(from, to, done)),
  link: (from, to) => called<void>((done) => fs.link(from, to, done)),
  unlink: (path) => called<void>((done) => fs.unlink(path, done)),
  makeDirectory: async (path, options = {}) => void (await called<unknown>((done) => fs.mkdir(path, options, done))),
  removeDirectory: (path, options) =>
    called<void>((done) => (options?.recursive ? fs.rm(path, { recursive: true }, done) : fs.rmdir(path, done))),
  setTimes: (path, access, modification) => called<void>((done) => fs.utimes(path, access, modification, done)),
  freeBytes: async (path) => {
    const { blocks, bavail, bsize } = await called<fs.StatsFs>((done) => fs.statfs(path, done));
    // ramfs and the like have no size.
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
  },
  checkWritable,
  unlinkNow: fs.unlinkSync,
  removeDirectoryNow: fs.rmdirSync,
};

const BIG = { bigint: true } as const;

/** How a function of `fs` tells what came out. */
type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

function called<T>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}

function openFile(fd: number): OpenFile {
  let uses = 0;
  let closing: Promise<void> | undefined;
  let onUnused = () => {};
  const using = async <T>(work: () => Promise<T>): Promise<T> => {
    // Invariant: a descriptor that is closed, or about to be, is not used: its number may be another file's.
    if (closing !== undefined) throw Object.assign(new Error('the file was closed'), { code: 'EBADF' });
    uses += 1;
    try {
      return await work();
    } finally {
      uses -= 1;
      if (uses === 0) onUnused();
    }
  };
  const closeUnused = async () => {
    if (uses > 0) {
      await new Promise<void>((resolve) => {
        onUnused = resolve;
      });
    }
    await called<void>((done) => fs.close(fd, done));
  };
  return {
    write: (buffers, position) => using(() => writeAll(fd, buffers, position)),
    read: (bytes, position) => using(() => readAll(fd, bytes, position)),
    datasync: () => using(() => called<void>((done) => fs.fdatasync(fd, done))),
    sync: () => using(() => called<void>((done) => fs.fsync(fd, done))),
    truncate: (length) => using(() => called<void>((done) => fs.ftruncate(fd, length, done))),
    status: () => using(() => called<FileStatus>((done) => fs.fstat(fd, BIG, done))),
    makeReadable: () =>
      using(async () => {
        const mode = 0o644 & ~(await currentUmask());
        await called<void>((done) => fs.fchmod(fd, mode, done));
      }),
    close() {
      closing ??= closeUnused();
      return closing;
    },
  };
}

// Invariant: the umask of the host is not touched where it can be read: `process.umask()` sets it to 0 for a moment, and a
// file that another thread makes just then could be written by everybody.
async function currentUmask(): Promise<number> {
  const told = await called<string>((done) => fs.readFile('/proc/self/status', 'latin1', done)).catch(() => '');
  const [, umask] = /^Umask:\s*([0-7]+)$/m.exec(told) ?? [];
  return umask === undefined ? process.umask() : Number.parseInt(umask, 8);
}

async function checkWritable(path: string): Promise<void> {
  try {
    await called<void>((done) => fs.access(path, constants.W_OK | constants.X_OK, done));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    // access() forgets the capabilities of a process, and asks for its real user: only an attempt is certain.
    const attempt = await called<string>((done) => fs.mkdtemp(`${path}/.partstream-`, done));
    await called<void>((done) => fs.rmdir(attempt, done));
  }
}

async function writeAll(fd: number, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let left = buffers.filter((buffer) => buffer.byteLength > 0);
  let offset = position;
  // Invariant: a short write is continued, never taken for a whole one.
  while (left.length > 0) {
    checkPosition(offset);
    const written = await called<number>((done) => fs.writev(fd, left, offset, done));
    if (written === 0) throw Object.assign(new Error('the file system wrote nothing'), { code: 'EIO' });
    offset += written;
    left = dropBytes(left, written);
  }
}

async function readAll(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  let total = 0;
  while (total < bytes.byteLength) {
    const [from, count] = [total, bytes.byteLength - total];
    checkPosition(position + from);
    const read = await called<number>((done) => fs.read(fd, bytes, from, count, position + from, done));
    if (read === 0) break;
    total += read;
  }
  return total;
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
