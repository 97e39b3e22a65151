/**
 * The last act: the complete file gets its name, at once and as a whole, and the traces are removed. Refuses to replace
 * what `overwrite: false` protects, even when it appeared a moment ago.
 */

import { dirname } from 'node:path';
import type { Durability } from '../download-options.js';
import { errorCode } from '../error-code.js';
import { DestinationError, DiskError } from '../errors.js';
import { monotonicMs, sleep } from '../time.js';
import { type Destination, unsizedPartPath } from './destination.js';
import { type FileOps, OPEN_NEW } from './file-ops.js';
import type { GroupCommit } from './group-commit.js';
import { type JournalFile, removeJournal } from './journal-file.js';
import { isSameFile, statusOf } from './own-file.js';
import type { PartFile } from './part-file.js';
import { syncDirectory } from './sync-directory.js';

export interface PublishContext {
  readonly ops: FileOps;
  readonly destination: Destination;
  readonly overwrite: boolean;
  readonly durability?: Durability | undefined;
  readonly part: PartFile;
  readonly journal: JournalFile | undefined;
  /** Brings to disk what is not there yet. */
  readonly commit: Pick<GroupCommit, 'record' | 'end' | 'syncData'>;
  /** Rejects when the files are not ours any more. */
  checkFence(): Promise<void>;
  checkLock(): Promise<void>;
  /** Ends the publishing, until the file gets its name. */
  readonly signal: AbortSignal;
}

/** Publishes the part file, whose blocks are all there. */
export async function publishFile(context: PublishContext): Promise<void> {
  const { ops, destination, part, journal, commit, signal } = context;
  await commit.record();
  // A sync that fails in the background is reported to it alone: it must have ended before ours begins.
  await commit.end();
  // Before anything is appended, too: our record could cover the tracks of somebody else's.
  await context.checkFence();
  await journal?.append([{ t: 'V' }]);
  await part.makeReadable();
  // Invariant: the bytes are on disk before the file has its name.
  await commit.syncData((file) => file.sync());
  // So that a power failure between here and the end is recognised for what it was.
  if (context.durability !== 'none') await journal?.datasync();
  // Invariant: nothing is published by a process whose lock or files are not its own any more.
  await context.checkFence();
  if (await part.fitLength()) await commit.syncData((file) => file.sync());
  await commit.syncData((file) => file.close());
  signal.throwIfAborted();
  if (context.overwrite) await replaceDestination(context);
  else await takeFreeName(context);
  // Invariant: success is reported only after the new name is on disk.
  await syncDirectory(ops, dirname(destination.path));
  await journal?.append([{ t: 'P' }]).catch(() => undefined);
  await removeTraces(ops, destination, journal);
}

/** Publishes a file that a crash left with its final name and its checkpoint. */
export async function finishPublishing({ ops, destination, checkLock }: PublishContext): Promise<void> {
  await checkLock();
  await syncDirectory(ops, dirname(destination.path));
  if (destination.checkpointPath !== undefined) {
    await removeJournal(ops, destination.checkpointPath).catch(() => undefined);
  }
}

/** The file is published: whether the journal can be removed changes nothing about that. */
async function removeTraces(ops: FileOps, place: Destination, journal: JournalFile | undefined): Promise<void> {
  if (journal === undefined) return;
  // Left by a process that was killed while this journal was kept.
  await ops.unlink(unsizedPartPath(place)).catch(() => undefined);
  await journal.close().catch(() => undefined);
  await ops.unlink(journal.path).catch(() => undefined);
}

/** Gives the file at `from` the destination's name, in the place of what has it. */
export async function replaceDestination(
  context: Pick<PublishContext, 'ops' | 'destination' | 'signal' | 'checkLock'>,
  from: string = context.destination.partPath,
): Promise<void> {
  const { ops, destination } = context;
  try {
    await retryWhileBusy(context, () => ops.rename(from, destination.path));
  } catch (error) {
    if (['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) {
      throw new DestinationError(destination.path, 'directory', 'is a directory', { cause: error });
    }
    throw asDiskError(destination.path, error);
  }
}

const LINK_NOT_SUPPORTED = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

// Invariant: without `overwrite` an existing file is never replaced: the name is taken only where it is free.
async function takeFreeName(context: PublishContext): Promise<void> {
  const { ops, destination } = context;
  try {
    await ops.link(destination.partPath, destination.path);
  } catch (error) {
    if (LINK_NOT_SUPPORTED.has(errorCode(error) ?? '')) await replacePlaceholder(context);
    else throw asTaken(destination.path, error);
    return;
  }
  // Invariant: the old name goes only after the new one is on disk: a power failure must not take both.
  await syncDirectory(ops, dirname(destination.path));
  try {
    await retryWhileBusy(context, () => ops.unlink(destination.partPath));
  } catch (error) {
    throw asDiskError(destination.partPath, error);
  }
}

/** Where there are no hard links: an empty file takes the name, and is replaced. */
async function replacePlaceholder(context: PublishContext): Promise<void> {
  const { ops, destination } = context;
  const placeholder = await ops.open(destination.path, OPEN_NEW, 0o600).catch((error: unknown) => {
    throw asTaken(destination.path, error);
  });
  const ours = await placeholder.status();
  await placeholder.close();
  try {
    await replaceDestination(context);
  } catch (error) {
    const named = await statusOf(ops, destination.path).catch(() => undefined);
    if (named !== undefined && isSameFile(named, ours)) await ops.unlink(destination.path).catch(() => undefined);
    throw error;
  }
}

const BUSY = new Set(['EPERM', 'EBUSY', 'EACCES']);
const BUSY_LIMIT_MS = 10_000;

/** Virus scanners and indexers hold a file for a moment just after it was closed. */
async function retryWhileBusy(
  { signal, checkLock }: Pick<PublishContext, 'signal' | 'checkLock'>,
  run: () => Promise<void>,
): Promise<void> {
  const startMs = monotonicMs();
  for (let delayMs = 10; ; delayMs = Math.min(2 * delayMs, 1000)) {
    try {
      return await run();
    } catch (error) {
      if (!BUSY.has(errorCode(error) ?? '') || monotonicMs() - startMs >= BUSY_LIMIT_MS) throw error;
    }
    await sleep(delayMs, signal);
    await checkLock();
  }
}

function asTaken(path: string, error: unknown): Error {
  if (errorCode(error) !== 'EEXIST') return asDiskError(path, error);
  return new DestinationError(path, 'exists', 'appeared while it was being downloaded, and overwrite is false', {
    cause: error,
  });
}

/** Only errors of the system become DiskErrors: an abort and a lost lock stay what they are. */
function asDiskError(path: string, error: unknown): Error {
  return errorCode(error)?.startsWith('E') ? new DiskError(path, error) : (error as Error);
}
