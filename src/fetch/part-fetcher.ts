/**
 * Fetches one piece of a bound object: continues a cut body from the byte reached, never fetches a byte twice that was
 * handed on. Refuses to know where the bytes go.
 */

import type { ByteRange } from '../byte-range.js';
import { PartFailedError } from '../errors.js';
import { followAbort } from '../follow-abort.js';
import { sleep } from '../time.js';
import type { Flow } from '../transport/flow.js';
import { runAttempts } from './attempt-loop.js';
import { createChunkGatherer } from './chunk-gatherer.js';
import type { FetchContext } from './fetch-context.js';
import { mayJoin, type ObjectBinding } from './object-binding.js';
import { holdPiece, letGoPiece, movePiece, type PieceProgress } from './piece-progress.js';
import { requestRange, type TakeBytes } from './range-request.js';
import { holdForRateLimit, payRateLimit } from './rate-limit.js';
import type { AttemptInfo } from './store-request.js';

/** Takes bytes and their offset in the object. A promise: the connection is not read until it resolves. */
export type DeliverBytes = (offset: number, bytes: Buffer) => Promise<void> | undefined;

/** Fetches the bytes from `piece.position` to `piece.end` and hands each of them on once, in order. */
export async function fetchPiece(
  context: FetchContext,
  binding: ObjectBinding,
  piece: PieceProgress,
  deliver: DeliverBytes,
): Promise<void> {
  await runPiece(context, piece, async (info) => {
    await holdWhilePaying(context, piece);
    const asked: ByteRange = { start: piece.position, end: piece.end };
    const taker = createPieceTaker(context, piece, deliver);
    let failure: unknown;
    try {
      await requestRange(context, binding, asked, info, taker.take);
    } catch (error) {
      failure = error;
    } finally {
      taker.flush();
    }
    const isCut = piece.position > piece.start && piece.position < piece.end;
    // Invariant: a cut body of an object that could be another one by now is not continued.
    if (isCut && !mayJoin(context, binding))
      throw new PartFailedError(piece.part, 1, failure ?? new Error('cut short'));
    if (failure !== undefined) throw failure;
  });
}

/** What went over a rate limit is waited for before the next request: time that says nothing about the network. */
async function holdWhilePaying({ rateLimit, signal }: FetchContext, piece: PieceProgress): Promise<void> {
  if (rateLimit === undefined) return;
  holdPiece(piece);
  try {
    await payRateLimit(rateLimit, signal);
  } finally {
    letGoPiece(piece);
  }
}

/** Runs attempts until the piece is done, or the rest of it was taken over. */
export async function runPiece(
  context: FetchContext,
  piece: PieceProgress,
  attempt: (info: AttemptInfo) => Promise<void>,
  isDone: () => boolean = () => piece.position >= piece.end,
  isAnnounced: () => boolean = () => true,
): Promise<void> {
  const ending = new AbortController();
  const unfollow = followAbort(context.signal, () => ending.abort(context.signal.reason));
  piece.cancel = () => ending.abort(new Error('the rest of the piece was taken over'));
  try {
    const position = () => piece.position;
    await runAttempts(context, {
      part: () => piece.part,
      position,
      isDone,
      isAnnounced,
      attempt,
      progress: piece,
      // Whoever took the piece over now would ask earlier than the store wants to be asked.
      wait: async (delayMs) => {
        holdPiece(piece);
        await sleep(delayMs, ending.signal).finally(() => letGoPiece(piece));
      },
      signal: ending.signal,
    });
  } finally {
    unfollow();
  }
}

/** Moves the piece on as bytes arrive, counts them, and holds the connection where the receiver or a rate limit asks. */
export function createPieceTaker(
  context: FetchContext,
  piece: PieceProgress,
  deliver: DeliverBytes,
): { readonly take: TakeBytes; flush(): void } {
  let deliveredTo: number | undefined;
  let flow: Flow | undefined;
  let holds = 0;
  const holdUntil = (ready: Promise<void>) => {
    holds += 1;
    flow?.pause();
    holdPiece(piece);
    const letGo = () => {
      letGoPiece(piece);
      holds -= 1;
      if (holds === 0) flow?.resume();
    };
    ready.then(letGo, letGo);
  };
  const gatherer = createChunkGatherer((bytes) => {
    const offset = deliveredTo ?? 0;
    deliveredTo = offset + bytes.length;
    const ready = deliver(offset, bytes);
    if (ready !== undefined) holdUntil(ready);
  });
  return {
    take(bytes, from) {
      flow = from;
      deliveredTo ??= piece.position;
      const useful = bytes.subarray(0, Math.max(0, piece.end - piece.position));
      movePiece(piece, useful.length);
      gatherer.add(useful);
      const paid = holdForRateLimit(context);
      if (paid !== undefined) holdUntil(paid);
      return piece.position < piece.end;
    },
    flush: gatherer.flush,
  };
}
