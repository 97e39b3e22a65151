/**
 * The file end of the pipeline for an object whose size only its end tells: bytes in order, nothing recorded, published
 * like any other file. Refuses gaps, and leaves nothing behind when it is closed early.
 */

import { Writable } from 'node:stream';
import { DiskError, ProtocolError } from '../errors.js';
import type { PlacedChunk } from '../part.js';
import { alreadyExists, type Destination, unsizedPartPath } from './destination.js';
import { type FileOps, nodeFileOps, OPEN_NEW } from './file-ops.js';
import { readJournal, removeJournal } from './journal-file.js';
import { removeLeftovers } from './leftovers.js';
import type { DestinationLock } from './lock.js';
import { onDisk, removeIfThere, statusOf } from './own-file.js';
import { PartFile } from './part-file.js';
import { publishFile } from './publish-file.js';

export interface UnsizedFileOptions {
  readonly destination: Destination;
  /** Released by `close()`. */
  readonly lock: DestinationLock;
  readonly overwrite: boolean;
  readonly signal: AbortSignal;
  /** Sees every byte, in order, before it is written. */
  readonly onBytes: (bytes: Buffer) => void;
  readonly ops?: FileOps;
}

export interface UnsizedFile {
  /** Takes the chunks, in ascending order from offset `start`. */
  readonly writable: Writable;
  readonly writtenBytes: number;
  /** Gives the file its name, durably. */
  publish(): Promise<void>;
  /** Removes what was not published, and releases the lock. */
  close(): Promise<void>;
}

export async function openUnsizedFile(start: number, options: UnsizedFileOptions): Promise<UnsizedFile> {
  const { lock, overwrite, signal, onBytes, ops = nodeFileOps } = options;
  if (!overwrite) await checkFree(options.destination, ops);
  // Invariant: what an earlier process recorded is kept until there is a whole file: this answer may not bring one.
  const isKept = await hasRecord(options.destination, ops);
  const destination = isKept ? besideRecord(options.destination) : options.destination;
  const { partPath } = destination;
  await removeIfThere(ops, partPath);
  const file = await onDisk(partPath, ops.open(partPath, OPEN_NEW, 0o600));
  let writtenBytes = 0;
  let isPublished = false;
  /** Once it is being published: it knows the file also after it was closed. */
  let whole: PartFile | undefined;
  const part = () => whole ?? new PartFile(ops, partPath, file, writtenBytes);
  const checkFence = async () => {
    await lock.check();
    await part().checkOwnership();
  };

  const writable = new Writable({
    objectMode: true,
    autoDestroy: false,
    write(chunk: PlacedChunk, _encoding, done) {
      const { offset, bytes } = chunk;
      // Invariant: where only the end tells the size, a byte is taken only behind the one before it.
      if (offset !== start + writtenBytes) {
        done(new ProtocolError(`a chunk at ${offset} does not follow ${start + writtenBytes}`));
        return;
      }
      onBytes(bytes);
      file.write([bytes], writtenBytes).then(
        () => {
          writtenBytes += bytes.length;
          chunk.release();
          done();
        },
        (error: unknown) => done(new DiskError(partPath, error)),
      );
    },
  });

  return {
    writable,
    get writtenBytes() {
      return writtenBytes;
    },
    async publish() {
      const complete = part();
      whole = complete;
      const commit = {
        record: nothing,
        end: nothing,
        syncData: (run: (part: PartFile) => Promise<void>) => run(complete),
      };
      const naming = { ops, destination, overwrite, part: complete, journal: undefined, commit, signal };
      await publishFile({ ...naming, checkFence, checkLock: () => lock.check() });
      isPublished = true;
      if (isKept) await removeLeftovers(options.destination, lock, ops);
    },
    async close() {
      // Invariant: a file that may be a successor's by now is not removed. The lock is looked at, not remembered.
      if (!isPublished)
        await checkFence()
          .then(() => ops.unlink(partPath), ignore)
          .catch(ignore);
      await file.close().catch(ignore);
      await lock.release();
    },
  };
}

async function checkFree({ path }: Destination, ops: FileOps): Promise<void> {
  if ((await onDisk(path, statusOf(ops, path))) !== undefined) throw alreadyExists(path);
}

/** Whether there is a checkpoint to resume from once the object has a size again. One of a later release is refused. */
async function hasRecord({ checkpointPath, besideCheckpointPath }: Destination, ops: FileOps): Promise<boolean> {
  for (const path of new Set([checkpointPath, besideCheckpointPath])) {
    if (path === undefined) continue;
    if ((await readJournal(ops, path)) !== undefined) return true;
    await removeJournal(ops, path);
  }
  return false;
}

/** The bytes go beside the part file that the record is of. */
function besideRecord(destination: Destination): Destination {
  return { ...destination, partPath: unsizedPartPath(destination) };
}

async function nothing(): Promise<void> {}

function ignore(): void {}
