/**
 * What stands beside the destination, and what to do with it: go on, finish a publish that a crash cut short, or start
 * afresh. Refuses files that are not ours to write, and never writes to the destination itself.
 */

import { dirname } from 'node:path';
import { byteLength } from '../byte-range.js';
import type { Durability } from '../download-options.js';
import { DestinationError, DiskError, isDownloadError } from '../errors.js';
import { loadCrc } from '../verify/crc.js';
import type { CrcAlgorithm } from '../verify/crc-algorithm.js';
import { BlockLedger, blockBytesFor } from './block-ledger.js';
import { type CheckpointSubject, compareBinding, headerFor, newEpoch } from './checkpoint-binding.js';
import { alreadyExists, type Destination } from './destination.js';
import type { FileOps, FileStatus } from './file-ops.js';
import { type JournalState, recordedRuns } from './journal.js';
import { createJournal, type JournalFile, readJournal, removeJournal, resumeJournal } from './journal-file.js';
import type { DestinationLock } from './lock.js';
import { isSameFile, linkProblem, removeIfThere, statusOf } from './own-file.js';
import { createPartFile, openPartFile, openPublishedFile, type PartFile } from './part-file.js';
import { recheckBlocks } from './recheck-blocks.js';
import { syncDirectory } from './sync-directory.js';

/** What `st_blocks` counts in (POSIX leaves it open, every system takes 512). */
const ALLOCATION_UNIT_BYTES = 512;
/** Of a large file: a twentieth of it would be gigabytes that are there, and refused. */
const MAX_TABLE_BYTES = 64 * 1024 * 1024;

export interface CheckpointRequest extends CheckpointSubject {
  readonly ops: FileOps;
  readonly destination: Destination;
  readonly durability: Durability;
  readonly overwrite: boolean;
  readonly checksumAlgorithm: CrcAlgorithm;
  readonly signal?: AbortSignal | undefined;
  onObjectChanged?: ((expectedEtag: string | undefined, actualEtag: string | undefined) => void) | undefined;
}

/** The files of one download, open. */
export interface OpenCheckpoint {
  readonly part: PartFile;
  readonly journal: JournalFile | undefined;
  readonly ledger: BlockLedger;
  /** The file has its final name already, and `part` is that file, open for reading. */
  readonly isPublished: boolean;
}

/** What a sink is made of. */
export interface CheckpointSinkContext extends CheckpointRequest, OpenCheckpoint {
  readonly lock: DestinationLock;
  readonly onCheckpointed?: ((completedBytes: number) => void) | undefined;
}

export async function openCheckpoint(request: CheckpointRequest): Promise<OpenCheckpoint> {
  const { ops, destination, object, overwrite } = request;
  const { path, partPath, checkpointPath } = destination;
  const found = checkpointPath === undefined ? undefined : await readJournal(ops, checkpointPath);
  const binding = found === undefined ? 'other' : compareBinding(found.header, request);
  if (found !== undefined && binding === 'changed') {
    request.onObjectChanged?.(found.header.etag ?? undefined, object.etag);
  }
  const state = binding === 'same' ? found : undefined;
  const target = await statusOf(ops, path);
  if (target?.isDirectory()) throw new DestinationError(path, 'directory', 'is a directory');
  let part = await statusOf(ops, partPath);
  // A crash between link and unlink leaves the published file with both names.
  const hasTwoNames = part !== undefined && target !== undefined && isSameFile(part, target);

  if (state !== undefined && target?.isFile() && (part === undefined || hasTwoNames)) {
    const published = await openPublished(request, state, target, hasTwoNames);
    if (published !== undefined) return published;
  }
  // Invariant: the destination is never written to, whatever other name it has.
  if (hasTwoNames) {
    await ops.unlink(partPath);
    part = undefined;
  }
  if (target !== undefined && !overwrite) throw alreadyExists(path);

  if (state !== undefined && part !== undefined) {
    await removeOtherJournal(request);
    return await resume(request, state, part);
  }
  return await startAfresh(request, part);
}

/** The published file, if every block of the journal is in it; its content is the proof. */
async function openPublished(
  request: CheckpointRequest,
  state: JournalState,
  target: FileStatus,
  hasTwoNames: boolean,
): Promise<OpenCheckpoint | undefined> {
  const { ops, destination, signal } = request;
  const ledger = await ledgerFrom(state);
  if (!ledger.isComplete || target.size !== BigInt(ledger.length)) return undefined;
  const part = await openPublishedFile(ops, destination.path, ledger.length);
  try {
    const damaged = await recheckBlocks(part, ledger, signal);
    if (damaged.length === 0) {
      if (hasTwoNames) await ops.unlink(destination.partPath);
      await removeOtherJournal(request);
      return { part, journal: undefined, ledger, isPublished: true };
    }
  } catch (error) {
    await part.close();
    throw error;
  }
  await part.close();
  return undefined;
}

async function resume(request: CheckpointRequest, state: JournalState, left: FileStatus): Promise<OpenCheckpoint> {
  const { ops, destination } = request;
  const ledger = await ledgerFrom(state);
  // Bytes that were written and not recorded are written again in their place: they need no more space.
  const allocatedBytes = Number(left.blocks) * ALLOCATION_UNIT_BYTES;
  await checkFreeSpace(request, Math.max(0, ledger.length - Math.max(ledger.recordedBytes, allocatedBytes)));
  const part = await openPartFile(ops, destination.partPath, ledger.length);
  return await withJournal(request, part, ledger, (path) => resumeJournal(ops, path, state, newEpoch()));
}

async function startAfresh(request: CheckpointRequest, leftover: FileStatus | undefined): Promise<OpenCheckpoint> {
  const { ops, destination, range, checksumAlgorithm } = request;
  const { partPath, checkpointPath } = destination;
  const problem = leftover === undefined ? undefined : linkProblem(leftover);
  if (problem !== undefined) {
    throw new DestinationError(partPath, leftover?.isDirectory() ? 'directory' : 'symlink', problem);
  }
  const length = byteLength(range);
  const ledger = new BlockLedger(length, blockBytesFor(length), await loadCrc(checksumAlgorithm));
  // Invariant: a journal never outlives its part file: blocks of one file are not taken for those of the next.
  if (checkpointPath !== undefined) await removeJournal(ops, checkpointPath);
  await removeOtherJournal(request);
  await removeIfThere(ops, partPath);
  await checkFreeSpace(request, length);
  const part = await createPartFile(ops, partPath, length);
  const header = headerFor(request, checksumAlgorithm);
  return await withJournal(request, part, ledger, (path) => createJournal(ops, path, header));
}

/** Where the checkpoint is elsewhere, what a call without that option left beside the file is of no use any more. */
async function removeOtherJournal({ ops, destination }: CheckpointRequest): Promise<void> {
  const { checkpointPath, besideCheckpointPath } = destination;
  if (checkpointPath === besideCheckpointPath) return;
  // A journal of a later release is refused, here as everywhere.
  await readJournal(ops, besideCheckpointPath);
  await removeJournal(ops, besideCheckpointPath);
}

/** Invariant: nothing is fetched before the journal could be written. */
async function withJournal(
  { ops, destination: { partPath, checkpointPath }, durability }: CheckpointRequest,
  part: PartFile,
  ledger: BlockLedger,
  open: (path: string) => Promise<JournalFile>,
): Promise<OpenCheckpoint> {
  let journal: JournalFile | undefined;
  try {
    if (checkpointPath !== undefined) {
      journal = await open(checkpointPath).catch((error: unknown) => {
        throw isDownloadError(error) ? error : new DiskError(checkpointPath, error);
      });
      if (durability !== 'none') {
        await journal.datasync();
        await syncDirectory(ops, dirname(partPath));
        if (dirname(checkpointPath) !== dirname(partPath)) await syncDirectory(ops, dirname(checkpointPath));
      }
    }
    return { part, journal, ledger, isPublished: false };
  } catch (error) {
    await part.close().catch(() => undefined);
    await journal?.close().catch(() => undefined);
    throw error;
  }
}

async function ledgerFrom(state: JournalState): Promise<BlockLedger> {
  const { range, block, crc } = state.header;
  const ledger = new BlockLedger(range[1] - range[0], block, await loadCrc(crc));
  ledger.load(recordedRuns(state));
  return ledger;
}

async function checkFreeSpace({ ops, destination }: CheckpointRequest, neededBytes: number): Promise<void> {
  // A file system that cannot tell is not a full one.
  const freeBytes = await ops.freeBytes(dirname(destination.partPath)).catch(() => Number.POSITIVE_INFINITY);
  // The file system's own tables grow with the file, but far less than it does.
  if (freeBytes >= neededBytes + Math.min(neededBytes * 0.05, MAX_TABLE_BYTES)) return;
  const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  throw new DiskError(destination.partPath, cause, `${neededBytes} bytes are needed, ${freeBytes} are free`);
}
