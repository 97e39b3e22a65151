/**
 * A look at a journal before the first request, so that it can ask for the right object. Read-only; refuses to fail:
 * what cannot be read says nothing.
 */

import { basename } from 'node:path';
import { type ByteRange, subtractRanges } from '../byte-range.js';
import { hashIdentity } from './checkpoint-binding.js';
import type { Destination } from './destination.js';
import { type FileOps, nodeFileOps } from './file-ops.js';
import { recordedRuns } from './journal.js';
import { readJournal } from './journal-file.js';
import { isSameFile, onDisk, statusOf } from './own-file.js';

/** What a journal claims. Nothing of it has been compared with the disk. */
export interface CheckpointPeek {
  /** Bytes of the whole object. */
  readonly size: number;
  /** The bytes of the object that the file is to hold. */
  readonly range: ByteRange;
  /** The bytes of the object that were recorded. */
  readonly completed: readonly ByteRange[];
}

/** Reads the journal of a destination; undefined when there is none for this object. Never rejects. */
export async function peekCheckpoint(
  destination: Destination,
  identity: string,
  ops: FileOps = nodeFileOps,
): Promise<CheckpointPeek | undefined> {
  const { path, checkpointPath } = destination;
  if (checkpointPath === undefined) return undefined;
  const state = await readJournal(ops, checkpointPath).catch(() => undefined);
  if (state === undefined) return undefined;
  const { id, base, size, block } = state.header;
  if (id !== hashIdentity(identity) || base !== basename(path)) return undefined;
  const [start, end] = state.header.range;
  const completed = recordedRuns(state).map(({ first, crcs }) => ({
    start: start + first * block,
    end: Math.min(start + (first + crcs.length) * block, end),
  }));
  return { size, range: { start, end }, completed };
}

/** Whether the file at the destination can be this one, published by a process that ended before it could say so. */
export async function mayBePublished(
  { path, partPath }: Destination,
  { range, completed }: CheckpointPeek,
  ops: FileOps = nodeFileOps,
): Promise<boolean> {
  if (subtractRanges(range, completed).length > 0) return false;
  // What cannot be looked at is for those who need it to complain about.
  const found = await Promise.all([statusOf(ops, partPath), statusOf(ops, path)]).catch(() => undefined);
  if (found === undefined) return false;
  const [part, target] = found;
  return part === undefined || (target !== undefined && isSameFile(part, target));
}

/** Whether anything stands where the checkpoint of this destination would be. */
export async function hasCheckpoint({ checkpointPath }: Destination, ops: FileOps = nodeFileOps): Promise<boolean> {
  if (checkpointPath === undefined) return false;
  return (await onDisk(checkpointPath, statusOf(ops, checkpointPath))) !== undefined;
}
