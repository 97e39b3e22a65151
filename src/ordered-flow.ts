/**
 * The first half of an ordered stream: placed chunks of all the wanted bytes, in any order. Without a spool they come
 * from the network; with one, what an earlier process left comes from its checkpoint sink, proven, and everything else
 * lands there on its way.
 */

import { pipeline, type Readable, Transform } from 'node:stream';
import { type ByteRange, byteLength, subtractRanges } from './byte-range.js';
import { discover, plan, planChecks } from './download.js';
import type { FetchContext } from './fetch/fetch-context.js';
import type { Opening } from './fetch/opening.js';
import { createFetchStream } from './fetch-parts.js';
import { openFileDownload, type SizedDownload } from './open-file-download.js';
import { orAborted } from './or-aborted.js';
import { type Part, type PlacedChunk, recycleChunk } from './part.js';
import { choosePartSize, planParts } from './plan/part-planner.js';
import type { CheckpointSink } from './sink/checkpoint-sink.js';
import { resolveDestination } from './sink/destination.js';
import { removeLeftovers } from './sink/leftovers.js';
import type { VerificationPlan } from './verify/verification.js';

export interface OrderedFlow {
  readonly opening: Opening;
  readonly checks: VerificationPlan;
  /** Bytes that an earlier process left and that were right. */
  readonly resumedBytes: number;
  readonly chunks: Readable;
  /** Every byte was delivered and is right: nothing has to be kept. What cannot be removed stays; never rejects. */
  finish(): Promise<void>;
  /** The bytes turned out to be wrong: nothing may be kept. */
  distrust(): Promise<void>;
  /** Ends the flow; what was recorded stays. Idempotent. */
  close(): Promise<void>;
}

export async function openOrderedFlow(context: FetchContext): Promise<OrderedFlow> {
  const { spool } = context.options;
  if (spool === undefined) return plainFlow(context, await discover(context));
  const { source, signal } = context;
  if (source.prepare) await orAborted(source.prepare(signal), signal);
  const place = await resolveDestination(spool, source.name, { overwrite: true, checkpoint: true });
  const opened = await openFileDownload(place, context, 'spool');
  if (opened.kind === 'sized') return spooledFlow(context, opened);
  if (opened.kind === 'whole') return plainFlow(context, opened.opening);
  // What has no known size cannot be resumed: it is not worth keeping.
  const { opening, lock } = opened;
  const finish = () => removeLeftovers(place, lock);
  return { ...plainFlow(context, opening), finish, close: () => lock.release() };
}

function plainFlow(context: FetchContext, opening: Opening): OrderedFlow {
  const checks = planChecks(context, opening);
  const parts = plan(context, opening);
  const nothing = async () => {};
  return {
    opening,
    checks,
    resumedBytes: 0,
    chunks: createFetchStream({ context, binding: opening.binding, parts, opening }),
    finish: nothing,
    distrust: nothing,
    close: nothing,
  };
}

function spooledFlow(context: FetchContext, { opening, checks, sink }: SizedDownload): OrderedFlow {
  let resumedBytes = 0;
  const { binding, mode, wanted } = opening;
  const isSequential = mode === 'sequential';
  const parts = isSequential ? [{ index: 0, ...opening.range }] : wholePlan(context, wanted, sink.completed);
  // A probe that is not the beginning of the stream would hold budget that the beginning needs.
  const isHead = opening.range.start === wanted.start;
  if (!isHead) opening.abandon();
  const fetched = createFetchStream({
    context,
    binding,
    parts,
    opening: isHead ? opening : undefined,
    async readLocal(range) {
      const bytes = await sink.readRecorded(range);
      resumedBytes += bytes?.length ?? 0;
      return bytes;
    },
  });
  return {
    opening,
    checks,
    get resumedBytes() {
      return resumedBytes;
    },
    chunks: pipeline(fetched, createTee(sink), () => {}),
    finish: () => sink.discard(),
    distrust: () => sink.reset(),
    close: () => sink.close(),
  };
}

/** Parts that are wholly on disk or wholly missing, in the order of the stream. */
function wholePlan({ options }: FetchContext, wanted: ByteRange, completed: readonly ByteRange[]): Part[] {
  const partSize = options.partSize ?? choosePartSize(byteLength(wanted));
  const missing = subtractRanges(wanted, completed);
  return [...planParts(wanted, { partSize, completed }), ...planParts(wanted, { partSize, completed: missing })]
    .sort((a, b) => a.start - b.start)
    .map((part, index) => ({ ...part, index }));
}

/** Lets chunks through and writes each of them to the sink; its bytes are given back when both have let go of it. */
function createTee(sink: CheckpointSink): Transform {
  const tee = new Transform({
    objectMode: true,
    transform(chunk: PlacedChunk, _encoding, done) {
      let holders = 2;
      let isKept = false;
      const place = (): PlacedChunk => {
        let isHeld = true;
        const letGo = (keeps: boolean) => {
          if (!isHeld) return;
          isHeld = false;
          isKept ||= keeps;
          holders -= 1;
          if (holders > 0) return;
          if (isKept) chunk.release();
          else recycleChunk(chunk);
        };
        return {
          offset: chunk.offset,
          bytes: chunk.bytes,
          release: () => letGo(true),
          recycle: () => letGo(false),
        };
      };
      sink.write(place());
      done(null, place());
    },
    flush(done) {
      sink.flush().then(() => done(), done);
    },
  });
  sink.once('error', (error) => tee.destroy(error));
  return tee;
}
