/**
 * Opens a download into a file: locks the destination, discovers the object, opens the sink, and plans what is missing,
 * so that the first request already brings bytes that are missing.
 */

import { type ByteRange, byteLength, subtractRanges, totalLength } from './byte-range.js';
import { discover, discoverAgain, plan, planChecks } from './download.js';
import { DEFAULT_PART_SIZE } from './download-options.js';
import { ObjectChangedError } from './errors.js';
import type { FetchContext } from './fetch/fetch-context.js';
import { isSameVersion } from './fetch/object-binding.js';
import type { Opening } from './fetch/opening.js';
import { createPartPlan, type PartPlan } from './plan/part-planner.js';
import type { CheckpointSink } from './sink/checkpoint-sink.js';
import type { Destination } from './sink/destination.js';
import { claimDestination, type DestinationClaim, type DestinationLock } from './sink/lock.js';
import { openSink } from './sink/open-checkpoint-sink.js';
import { hasCheckpoint, peekCheckpoint } from './sink/peek-checkpoint.js';
import { blockAlgorithm, type VerificationPlan } from './verify/verification.js';

/** An object up to this size is fetched again rather than recorded, if one response brings it. */
const MAX_SMALL_BYTES = 1024 * 1024;

/** How long a small object may take before its destination is locked for other processes, too. */
const WHOLE_WITHIN_MS = 100;

/**
 * A download that is ready to fetch into a sink; or one that needs less: all of a small object is there already; or
 * only the end of the object tells its size.
 */
export type FileDownload = SizedDownload | WholeDownload | UnsizedDownload;

export interface WholeDownload {
  readonly kind: 'whole';
  /** It has brought all that is wanted. */
  readonly opening: Opening;
  readonly checks: VerificationPlan;
  /** The destination is this call's alone until it is released. */
  readonly claim: DestinationClaim;
}

export interface UnsizedDownload {
  readonly kind: 'unsized';
  readonly opening: Opening;
  readonly checks: VerificationPlan;
  readonly lock: DestinationLock;
}

export interface SizedDownload {
  readonly kind: 'sized';
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
 * @param purpose - a 'spool' is read from its beginning: where the first missing byte is further on, only that one byte
 *   is asked for, to discover the object. It gets a sink however small the object is
 */
export async function openFileDownload(
  place: Destination,
  context: FetchContext,
  purpose: 'file' | 'spool' = 'file',
): Promise<FileDownload> {
  const { options, source, signal } = context;
  const claim = await claimDestination(place, { waitMs: options.lockWaitMs, signal });
  let lock: DestinationLock | undefined;
  let sink: CheckpointSink | undefined;
  try {
    const isUntouched = purpose === 'file' && options.overwrite && !place.hadTraces && !claim.hasWaited;
    if (!isUntouched) lock = await claim.lock();
    const remembered = isUntouched ? undefined : await peekCheckpoint(place, source.identity);
    const opening = await discover(context, firstGap(context, remembered, purpose));
    const checks = planChecks(context, opening);
    const isUnsized = Number.isNaN(opening.object.size);
    const mayBeWhole = isUntouched && !isUnsized && isSmall(opening) && byteLength(opening.wanted) > 0;
    if (mayBeWhole && (await opening.isWholeWithin(WHOLE_WITHIN_MS))) {
      return { kind: 'whole', opening, checks, claim };
    }
    lock ??= await claim.lock();
    if (isUnsized) return { kind: 'unsized', opening, checks, lock };
    sink = await openSink(place.path, opening.object, {
      identity: source.identity,
      range: opening.wanted,
      // A small object is not recorded, unless there is a checkpoint that has to be replaced.
      checkpoint: options.checkpoint !== false && (!isSmall(opening) || (await hasCheckpoint(place))),
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
    return { kind: 'sized', opening: await fitOpening(context, opening, parts), checks, sink, parts, resumedBytes };
  } catch (error) {
    await sink?.close();
    await lock?.release();
    claim.release();
    throw error;
  }
}

/** One response brings all of it, and so little that a call that is cut short need leave nothing to go on from. */
function isSmall({ range, wanted }: Opening): boolean {
  return range.start === wanted.start && range.end === wanted.end && byteLength(wanted) <= MAX_SMALL_BYTES;
}

/** The first bytes that a checkpoint lacks; one byte, to discover the object, when it lacks none. */
function firstGap(
  { options: { range } }: FetchContext,
  remembered: { size: number; range: ByteRange; completed: readonly ByteRange[] } | undefined,
  purpose: 'file' | 'spool',
): ByteRange | undefined {
  if (remembered === undefined) return undefined;
  const wanted = { start: range.start, end: Math.min(range.end ?? remembered.size, remembered.size) };
  // A file of other bytes is started afresh.
  if (remembered.range.start !== wanted.start || remembered.range.end !== wanted.end) return undefined;
  const [gap] = subtractRanges(wanted, remembered.completed);
  const { start, end } = gap ?? { start: wanted.start, end: wanted.start + 1 };
  return { start, end: purpose === 'spool' && start > wanted.start ? start + 1 : end };
}

/** An opening that brings the beginning of the first part; a checkpoint that was of no use made us ask for other bytes. */
async function fitOpening(context: FetchContext, opening: Opening, parts: PartPlan): Promise<Opening> {
  const [first] = parts;
  if (opening.mode === 'sequential' || first === undefined) return opening;
  if (opening.range.start === first.start && opening.range.end <= first.end) return opening;
  opening.abandon();
  const again = await discoverAgain(context, first);
  // Invariant: what was planned for one version of the object is never filled with the bytes of another.
  if (!isSameVersion(opening.binding, again.binding)) {
    again.abandon();
    const [was, is] = [opening.object.etag, again.object.etag];
    throw new ObjectChangedError('the object was replaced while it was being opened', was, is);
  }
  return again;
}

/** Plans the parts of the ranges that turned out to be damaged. */
export function planAgain(context: FetchContext, { wanted }: Opening, damaged: readonly ByteRange[]): PartPlan {
  const partSize = context.options.partSize ?? DEFAULT_PART_SIZE;
  return createPartPlan(wanted, { partSize, completed: subtractRanges(wanted, damaged) });
}
