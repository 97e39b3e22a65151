/**
 * What both verbs do around their pipelines: open the context, discover, watch, and tell how it ended. Refuses to know
 * where the bytes go.
 */

import { type ByteRange, byteLength } from './byte-range.js';
import { DEFAULT_PART_SIZE } from './download-options.js';
import type { DownloadResult, Verification } from './download-result.js';
import { InvalidOptionError } from './errors.js';
import { type FetchContext, openFetchContext } from './fetch/fetch-context.js';
import { openObject } from './fetch/open-object.js';
import type { Opening } from './fetch/opening.js';
import type { CheckedOptions } from './options.js';
import type { Part } from './part.js';
import { choosePartSize, createPartPlan, type PartPlan } from './plan/part-planner.js';
import { pieceBytesFor } from './plan/request-planner.js';
import { type ProgressMeter, type ShownProgress, startProgressMeter } from './progress-meter.js';
import type { ObjectSource } from './source/source.js';
import { monotonicMs } from './time.js';
import { planVerification, type VerificationPlan } from './verify/verification.js';

/** One running download. */
export interface Download {
  readonly context: FetchContext;
  readonly startedAtMs: number;
  /** The progress that was shown last: a restart never shows less. */
  readonly shown: ShownProgress;
}

export function startDownload(source: ObjectSource, options: CheckedOptions): Download {
  return { context: openFetchContext(source, options), startedAtMs: monotonicMs(), shown: { completedBytes: 0 } };
}

/** The same download once more from the start: what is still under way for the old version of the object is ended. */
export function restartDownload({ context, startedAtMs, shown }: Download): Download {
  context.close();
  return { context: openFetchContext(context.source, context.options, context), startedAtMs, shown };
}

/** Discovers the object. The first request asks for the first part of what `gap` says is missing. */
export async function discover(context: FetchContext, gap?: ByteRange): Promise<Opening> {
  const opening = await discoverAgain(context, gap);
  context.emit('discovered', { object: opening.object });
  return opening;
}

/** The same for another gap of an object that was announced already. */
export function discoverAgain(context: FetchContext, gap?: ByteRange): Promise<Opening> {
  const { range, partSize } = context.options;
  const start = gap?.start ?? range.start;
  const firstBytes = Math.min(partSize ?? DEFAULT_PART_SIZE, pieceBytesFor(context.options));
  const end = Math.min(start + firstBytes, gap?.end ?? Number.POSITIVE_INFINITY, range.end ?? Number.POSITIVE_INFINITY);
  return openObject(context, { range, first: { start, end } });
}

/** Plans the parts that are missing, and says so. */
export function plan(
  context: FetchContext,
  opening: Opening,
  completed: readonly ByteRange[] = [],
  resumedBytes: number = 0,
): PartPlan {
  const { wanted, mode, range } = opening;
  const parts =
    mode === 'sequential'
      ? sequentialPlan(range)
      : createPartPlan(wanted, { partSize: context.options.partSize ?? choosePartSize(byteLength(wanted)), completed });
  context.emit('planned', { parts: parts.count, resumedBytes });
  return parts;
}

/** One plain response brings everything: a single part. */
function sequentialPlan(range: ByteRange): PartPlan {
  const parts: Part[] = range.start < range.end ? [{ index: 0, ...range }] : [];
  return { count: parts.length, [Symbol.iterator]: () => parts[Symbol.iterator]() };
}

/** Emits `progress` from now on. */
export function watchProgress(
  { context, shown }: Download,
  completedBytes: () => number,
  totalBytes: () => number,
): ProgressMeter {
  const transferredBytes = () => context.counters.transferredBytes;
  return startProgressMeter(
    { transferredBytes, completedBytes, totalBytes },
    (progress) => context.emit('progress', progress),
    shown,
  );
}

/** What will be compared at the end. */
export function planChecks(
  { source, options }: FetchContext,
  { object, wanted, isElsewhere }: Opening,
): VerificationPlan {
  const announced = source.checksum?.(object.headers, isElsewhere ? 'elsewhere' : 'source') ?? undefined;
  // An async method of somebody's own source gives a promise.
  if (announced !== undefined && typeof announced.value !== 'string') {
    throw new InvalidOptionError('source', 'its checksum() gave something else than { algorithm, value } or undefined');
  }
  return planVerification({
    announced,
    expected: options.expectedChecksum,
    mode: options.verify,
    wholeObject: wanted.start === 0 && (wanted.end === object.size || wanted.end === Number.POSITIVE_INFINITY),
  });
}

/** The result of a download that has succeeded. */
export function finishDownload(
  { context, startedAtMs }: Download,
  outcome: Pick<DownloadResult, 'object' | 'range' | 'verification'> & { path?: string; resumedBytes?: number },
): DownloadResult {
  const { resumedBytes = 0, range, ...rest } = outcome;
  const result: DownloadResult = Object.freeze({
    ...rest,
    range: Object.freeze({ ...range }),
    ...context.counters,
    resumedBytes,
    elapsedMs: Math.round(monotonicMs() - startedAtMs),
  });
  context.emit('completed', { result });
  return result;
}

/** Announces a verification and returns it. */
export function announceVerification(context: FetchContext, verification: Verification): Verification {
  if (verification.scope !== 'none') context.emit('verified', { verification });
  return verification;
}
