/**
 * The file that the bytes go into until it is published: positioned writes, in any order. Refuses positions outside
 * the file, and to sync again once a sync has failed, because the next one may claim what is not true.
 */

import { errorCode } from '../error-code.js';
import { CheckpointError, DestinationError, DiskError } from '../errors.js';
import { type FileOps, type FileStatus, OPEN_EXISTING, OPEN_NEW, OPEN_TO_READ, type OpenFile } from './file-ops.js';
import { isSameFile, linkProblem, onDisk, ownerProblem } from './own-file.js';

/** What file systems without modes of their own answer. */
const NO_MODES = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS']);

export class PartFile {
  readonly path: string;
  readonly length: number;
  readonly #ops: FileOps;
  readonly #file: OpenFile;
  #isClosed = false;
  /** As of the last look at it while it was open. */
  #status: FileStatus | undefined;
  #syncFailure: DiskError | undefined;

  constructor(ops: FileOps, path: string, file: OpenFile, length: number) {
    this.#ops = ops;
    this.path = path;
    this.#file = file;
    this.length = length;
  }

  /** Writes the buffers one after the other at `position`. */
  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const end = buffers.reduce((sum, buffer) => sum + buffer.byteLength, position);
    // Invariant: nothing is written outside the file's own length, nor at a position that is not a whole number.
    if (!Number.isSafeInteger(position) || position < 0 || end > this.length) {
      throw new RangeError(`bytes ${position}-${end} are outside the file of ${this.length} bytes`);
    }
    await onDisk(this.path, this.#file.write(buffers, position));
  }

  /** Reads up to `bytes.length` bytes; the number read is short only at the end of the file. */
  async read(bytes: Uint8Array, position: number): Promise<number> {
    return await onDisk(this.path, this.#file.read(bytes, position));
  }

  async datasync(): Promise<void> {
    await this.#sync(() => this.#file.datasync());
  }

  async sync(): Promise<void> {
    await this.#sync(() => this.#file.sync());
  }

  async #sync(run: () => Promise<void>): Promise<void> {
    // Invariant: after a failed sync the file is never synced again; the next call may succeed without the lost bytes.
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    try {
      await run();
    } catch (error) {
      this.#syncFailure = new DiskError(this.path, error);
      throw this.#syncFailure;
    }
  }

  /** Cuts off what lies beyond the length; tells whether there was anything. Rejects when bytes are missing. */
  async fitLength(): Promise<boolean> {
    const size = (await onDisk(this.path, this.#file.status())).size;
    if (size < BigInt(this.length)) throw new DiskError(this.path, undefined, 'somebody else cut the file short');
    if (size === BigInt(this.length)) return false;
    await onDisk(this.path, this.#file.truncate(this.length));
    return true;
  }

  /** While it is made only its owner may read it; once it is whole it is a file like any other, where that can be said. */
  async makeReadable(): Promise<void> {
    const made = this.#file.makeReadable().catch((error: unknown) => {
      if (!NO_MODES.has(errorCode(error) ?? '')) throw error;
    });
    await onDisk(this.path, made);
  }

  /** Rejects when the name does not lead to this file any more, or another name does too. */
  async checkOwnership(): Promise<void> {
    // An inode number is not used again while the file is open, so that the two numbers are proof enough.
    if (!this.#isClosed) this.#status = await onDisk(this.path, this.#file.status());
    const ours = this.#status;
    const named = await onDisk(this.path, this.#ops.linkStatus(this.path));
    if (ours === undefined || !isSameFile(ours, named))
      throw new DiskError(this.path, undefined, 'somebody else replaced the file');
    const problem = linkProblem(named);
    if (problem !== undefined) throw new DestinationError(this.path, 'symlink', problem);
  }

  /** Closes the file; calls after the first do nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await onDisk(this.path, this.#file.close());
  }
}

/** A new file, which nobody else can read. */
export async function createPartFile(ops: FileOps, path: string, length: number): Promise<PartFile> {
  return new PartFile(ops, path, await onDisk(path, ops.open(path, OPEN_NEW, 0o600)), length);
}

/** The file that an earlier process left. */
export async function openPartFile(ops: FileOps, path: string, length: number): Promise<PartFile> {
  const file = await openAs(ops, path, OPEN_EXISTING, length);
  try {
    await file.checkOwnership();
    const problem = ownerProblem(await ops.linkStatus(path));
    if (problem !== undefined) throw new CheckpointError(path, `it ${problem}`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A file that is only looked at. */
export function openPublishedFile(ops: FileOps, path: string, length: number): Promise<PartFile> {
  return openAs(ops, path, OPEN_TO_READ, length);
}

async function openAs(ops: FileOps, path: string, flags: number, length: number): Promise<PartFile> {
  try {
    return new PartFile(ops, path, await ops.open(path, flags), length);
  } catch (error) {
    if (errorCode(error) === 'ELOOP')
      throw new DestinationError(path, 'symlink', 'is a symbolic link', { cause: error });
    throw new DiskError(path, error);
  }
}
