/**
 * Discovers the object: the first ranged GET is also the first part, so a small object takes one request. Keeps that
 * response open for the pipeline; continues it where it is cut. Refuses an object that is not of one version.
 */

import { byteLength } from '../byte-range.js';
import { createDeferred } from '../deferred.js';
import type { ObjectInfo } from '../object-info.js';
import { after } from '../time.js';
import type { FetchContext } from './fetch-context.js';
import { type Discovery, type FirstRequest, requestFirst } from './first-request.js';
import { createHoldingQueue, type Opening } from './opening.js';
import { createPieceTaker, runPiece } from './part-fetcher.js';
import { startPiece } from './piece-progress.js';
import { requestRange } from './range-request.js';
import { requestSequential, type SeenPrefix, unsatisfiable } from './sequential-request.js';
import type { AttemptInfo } from './store-request.js';

/** Opens the object: resolves as soon as the head of the first good response is there. */
export async function openObject(context: FetchContext, request: FirstRequest): Promise<Opening> {
  let asked = request;
  let isAbandoned = false;
  let discovery: Discovery | undefined;
  let sealed: ObjectInfo | undefined;
  const seen: SeenPrefix = { range: undefined, start: 0, end: 0, crc: 0 };
  const { start, end } = request.first;
  const piece = startPiece({ index: 0, start, end }, start, end);
  const queue = createHoldingQueue(context.options.bufferBytes);
  const known = createDeferred<void>();
  const onDiscovered = (found: Discovery) => {
    discovery = found;
    piece.start = found.range.start;
    piece.position = found.range.start;
    piece.end = found.range.end;
    piece.part = { index: 0, ...found.range };
    known.resolve();
  };

  const attempt = async (info: AttemptInfo): Promise<void> => {
    const taker = createPieceTaker(context, piece, queue.deliver);
    try {
      if (discovery === undefined) {
        const otherWay = await requestFirst(context, asked, info, seen, taker.take, onDiscovered);
        if (otherWay === undefined) return;
        asked = otherWay === 'plain GET' ? { ...asked, isPlain: true } : beginning(asked);
        return attempt(info);
      }
      if (discovery.mode === 'sequential') {
        await requestSequential(context, discovery.binding, piece.position, info, seen, taker.take);
      } else {
        await requestRange(context, discovery.binding, { start: piece.position, end: piece.end }, info, taker.take);
      }
    } finally {
      taker.flush();
    }
  };

  const attemptAndSeal = async (info: AttemptInfo): Promise<void> => {
    await attempt(info);
    if (discovery === undefined || !Number.isNaN(discovery.object.size) || piece.position >= piece.end) return;
    // The message has ended, and only that tells the size: it is less than was asked for.
    const { start } = discovery.wanted;
    if (start > 0 && piece.position === start) throw unsatisfiable(start, start);
    piece.end = piece.position;
    sealed = Object.freeze({ ...discovery.object, size: piece.position });
  };
  const isDone = () => isAbandoned || (discovery !== undefined && piece.position >= piece.end);
  let isTaken = false;
  const finished = runPiece(context, piece, attemptAndSeal, isDone, () => isTaken);
  // Whoever takes the opening sees its failure; looked at here, it does not count as unhandled before that.
  await Promise.race([known.promise, finished]);
  const found = discovery as Discovery | undefined;
  if (found === undefined) throw new Error('unreachable: an opening is known or has failed');
  return {
    ...found,
    get object() {
      return sealed ?? found.object;
    },
    piece,
    deliverTo(deliver, part) {
      piece.part = part;
      isTaken = true;
      queue.attach(deliver);
      return finished;
    },
    async isWholeWithin(limitMs) {
      if (!isDone()) {
        const over = createDeferred<void>();
        const timer = after(limitMs, over.resolve);
        await Promise.race([finished, over.promise]).catch(() => {});
        timer.stop();
      }
      return isDone();
    },
    abandon() {
      isAbandoned = true;
      piece.cancel();
    },
  };
}

/** The same request for the beginning of the wanted bytes: what a checkpoint remembered is no longer there. */
function beginning({ range, first }: FirstRequest): FirstRequest {
  return { range, first: { start: range.start, end: range.start + byteLength(first) } };
}
