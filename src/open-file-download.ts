/**
 * Opens a download into a file: locks the destination, discovers the object, opens the sink, and plans what is missing,
 * so that the first request already brings bytes that are missing.
 */

import { type ByteRange, byteLength, subtractRanges, totalLength } from './byte-range.js';
import { discover, plan, planChecks } from './download.js';
import type { FetchContext } from './fetch/fetch-context.js';
import type { Opening } from './fetch/opening.js';
import { createPartPlan, type PartPlan } from './plan/part-planner.js';
import type { CheckpointSink } from './sink/checkpoint-sink.js';
import type { Destination } from './sink/destination.js';
import { acquireDestinationLock, type DestinationLock } from './sink/lock.js';
import { openCheckpointSink } from './sink/open-checkpoint-sink.js';
import { hasCheckpoint, peekCheckpoint } from './sink/peek-checkpoint.js';
import { blockAlgorithm, type VerificationPlan } from './verify/verification.js';

/** The smallest block of a checkpoint. */
const MIN_BLOCK_BYTES = 1024 * 1024;

/** A download that is ready to fetch: into a sink, or, where only its end tells the object's size, into a plain file. */
export type FileDownload = SizedDownload | UnsizedDownload;

export interface UnsizedDownload {
  readonly isSized: false;
  readonly opening: Opening;
  readonly checks: VerificationPlan;
  readonly lock: DestinationLock;
}

export interface SizedDownload {
  readonly isSized: true;
  /** The response that discovered the object; it brings the first bytes of the first part, unless nothing is missing. */
  readonly opening: Opening;
  readonly checks: VerificationPlan;
  /** It holds the lock until it is closed. */
  readonly sink: CheckpointSink;
  readonly parts: PartPlan;
  /** Bytes that an earlier process recorded. */
  readonly resumedBytes: number;
}

/**
 * @param first - what to ask for first: the first missing part, or, where that is not the beginning, only one byte of it
 */
export async function openFileDownload(
  place: Destination,
  context: FetchContext,
  first: 'missing part' | 'probe' = 'missing part',
): Promise<FileDownload> {
  const { options, source, signal } = context;
  const lock = await acquireDestinationLock(place, { waitMs: options.lockWaitMs, signal });
  let sink: CheckpointSink | undefined;
  try {
    const remembered = await peekCheckpoint(place, source.identity);
    const opening = await discover(context, firstGap(context, remembered, first));
    const checks = planChecks(context, opening);
    if (Number.isNaN(opening.object.size)) return { isSized: false, opening, checks, lock };
    sink = await openCheckpointSink(place.path, opening.object, {
      identity: source.identity,
      range: opening.wanted,
      checkpoint: options.checkpoint !== false && (await isWorthRecording(opening, place)),
      durability: options.durability,
      overwrite: options.overwrite,
      allowUnvalidated: options.allowUnvalidated,
      checksumAlgorithm: blockAlgorithm(checks),
      destination: place,
      lock,
      signal,
      onCheckpointed: (completedBytes) => context.emit('checkpointed', { completedBytes }),
      onObjectChanged: context.announceChange,
    });
    const completed = sink.completed;
    const resumedBytes = totalLength(completed);
    const parts = plan(context, opening, completed, resumedBytes);
    return { isSized: true, opening: await fitOpening(context, opening, parts), checks, sink, parts, resumedBytes };
  } catch (error) {
    await sink?.close();
    await lock.release();
    throw error;
  }
}

/** One response that brings less than a block leaves nothing to go on from; unless a checkpoint is there to be replaced. */
async function isWorthRecording({ range, wanted }: Opening, place: Destination): Promise<boolean> {
  const isWhole = range.start === wanted.start && range.end === wanted.end;
  return !isWhole || byteLength(wanted) > MIN_BLOCK_BYTES || (await hasCheckpoint(place));
}

/** The first bytes that a checkpoint lacks; one byte, to discover the object, when it lacks none. */
function firstGap(
  { options: { range } }: FetchContext,
  remembered: { size: number; range: ByteRange; completed: readonly ByteRange[] } | undefined,
  first: 'missing part' | 'probe',
): ByteRange | undefined {
  if (remembered === undefined) return undefined;
  const wanted = { start: range.start, end: Math.min(range.end ?? remembered.size, remembered.size) };
  // A file of other bytes is started afresh.
  if (remembered.range.start !== wanted.start || remembered.range.end !== wanted.end) return undefined;
  const [gap] = subtractRanges(wanted, remembered.completed);
  const { start, end } = gap ?? { start: wanted.start, end: wanted.start + 1 };
  return { start, end: first === 'probe' && start > wanted.start ? start + 1 : end };
}

/** The opening has to bring the beginning of the first part: after the object changed it may be of another place. */
async function fitOpening(context: FetchContext, opening: Opening, parts: PartPlan): Promise<Opening> {
  const [first] = parts;
  if (opening.mode === 'sequential' || first === undefined) return opening;
  if (opening.range.start === first.start && opening.range.end <= first.end) return opening;
  opening.abandon();
  return await discover(context, first);
}

/** Plans the parts of the ranges that turned out to be damaged. */
export function planAgain(context: FetchContext, { wanted }: Opening, damaged: readonly ByteRange[]): PartPlan {
  const partSize = context.options.partSize ?? 5 * 1024 * 1024;
  return createPartPlan(wanted, { partSize, completed: subtractRanges(wanted, damaged) });
}
