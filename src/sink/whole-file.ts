/**
 * A small file at once: bytes that are all there and right go into a file of a name that nobody else uses, and that
 * file takes the destination's name. Needs neither lock nor journal: there is nothing to resume, and whoever comes last
 * wins with a whole file. Leaves nothing behind, except after a kill between the two steps.
 */

import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { DiskError } from '../errors.js';
import type { Destination } from './destination.js';
import { type FileOps, nodeFileOps, OPEN_NEW } from './file-ops.js';
import { fitName } from './fit-name.js';
import { replaceDestination } from './publish-file.js';
import { syncDirectory } from './sync-directory.js';

/** Unlike any other name: of this process, and of this call. */
const TOKEN_PREFIX = randomBytes(6).toString('hex');
let lastToken = 0;

/**
 * Publishes the bytes, durably. Replaces what is at the destination.
 * @throws {DiskError} when the disk fails
 * @throws {DestinationError} when a directory has appeared at the destination
 */
export async function publishWholeFile(
  destination: Destination,
  chunks: readonly Uint8Array[],
  signal: AbortSignal,
  ops: FileOps = nodeFileOps,
): Promise<void> {
  const { path } = destination;
  const directory = dirname(path);
  const temporary = join(directory, fitName(basename(path), `.part.${TOKEN_PREFIX}${++lastToken}`));
  try {
    // Invariant: bytes come under the destination's name only when all of them are on disk and right.
    await writeSynced(temporary, chunks, ops);
    signal.throwIfAborted();
    await replaceDestination({ ops, destination, signal, checkLock: async () => {} }, temporary);
  } catch (error) {
    await ops.unlink(temporary).catch(() => undefined);
    throw error;
  }
  // Invariant: success is reported only after the new name is on disk.
  await syncDirectory(ops, directory);
}

async function writeSynced(path: string, chunks: readonly Uint8Array[], ops: FileOps): Promise<void> {
  try {
    const file = await ops.open(path, OPEN_NEW, 0o644);
    // After the sync, closing it cannot lose a byte any more: it goes on while the file gets its name.
    await file
      .write(chunks, 0)
      .then(() => file.sync())
      .finally(() => void file.close().catch(() => undefined));
  } catch (error) {
    throw new DiskError(path, error);
  }
}
