/**
 * Keeps `concurrency` connections busy until the last byte: each takes the next piece in ascending order once its bytes
 * are reserved; when no piece is left, an idle one takes over the tail of the slowest. Refuses to hold bytes itself.
 */

import { type ByteRange, byteLength } from '../byte-range.js';
import type { Part, Piece } from '../part.js';
import { afterPolling, monotonicMs } from '../time.js';
import type { FetchContext } from './fetch-context.js';
import { blend, findTail, type Tail, type UsualPiece } from './hedge.js';
import { mayJoin, type ObjectBinding } from './object-binding.js';
import { type DeliverBytes, fetchPiece } from './part-fetcher.js';
import { type PieceProgress, rateOf, startPiece } from './piece-progress.js';

/** How often an idle connection looks for a tail that is worth taking over. */
const HEDGE_CHECK_MS = 50;

/** The response that discovered the object is the first piece. */
export interface OpeningWork {
  readonly part: Part;
  /** Undefined when its tail cannot be taken over. */
  readonly piece: PieceProgress | undefined;
  readonly byteCount: number;
  readonly run: () => Promise<void>;
}

/** What is known of the connection that a worker keeps from one piece to the next. */
interface Worker {
  /** Undefined until it brought a piece, and when the connection was dropped since. */
  bytesPerMs: number | undefined;
}

export type ReadLocal = (range: ByteRange) => Promise<Buffer | undefined>;

export interface SchedulerOptions {
  /** In ascending order; taken one by one. */
  readonly pieces: Iterator<Piece, void>;
  /** Resolves when that many bytes may be requested; grants in the order of asking. */
  readonly acquire: (byteCount: number) => Promise<void>;
  readonly deliver: DeliverBytes;
  /** Bytes that need not be fetched; undefined where they do. */
  readonly readLocal?: ReadLocal | undefined;
  readonly opening?: OpeningWork | undefined;
}

/** Fetches all pieces. Rejects with the first failure; the caller then closes the context, which ends the others. */
export async function fetchPieces(
  context: FetchContext,
  binding: ObjectBinding,
  { pieces, acquire, deliver, readLocal, opening }: SchedulerOptions,
): Promise<void> {
  const { gate } = context;
  const active = new Set<PieceProgress>();
  const idlers = new Set<() => void>();
  const announce = createPartAnnouncer(context);
  /** Connections that may still take a piece. */
  let takers = context.options.concurrency;
  let usual: UsualPiece | undefined;

  // Invariant: bytes of two responses are put together only where they are known to be of one version.
  const mayHedge = context.options.hedge && mayJoin(context, binding);
  const isHedgeable = ({ first, history }: PieceProgress): boolean =>
    // Behind a caller's dispatcher what has brought no byte may be waiting for its turn: it is not silent.
    (context.options.dispatcher === undefined || first !== undefined) &&
    // It takes one of its attempts; of most of them the whole time limit is to be waited for, or an outage uses up all.
    history.fruitlessAttempts <= context.options.retry.attempts / 3;

  /** A connection that finishes a piece looks for a tail itself: the others only have to know when none is under way. */
  const wakeAtEnd = () => {
    if (active.size > 0) return;
    for (const wake of idlers) wake();
  };

  /** Watches a piece while it is fetched. */
  const watch = async (piece: PieceProgress, run: () => Promise<void>): Promise<void> => {
    active.add(piece);
    try {
      await run();
    } finally {
      active.delete(piece);
      wakeAtEnd();
    }
    usual = blend(usual, piece);
    gate.speedUp();
  };

  const work = async (worker: Worker, { part, start, end }: Piece, victim?: PieceProgress): Promise<void> => {
    const piece = startPiece(part, start, end, victim);
    announce.started(part);
    await watch(piece, () => fetchPiece(context, binding, piece, deliver));
    announce.fetched(part, piece.position - start);
    // A piece that lost its tail left its response before the end: that connection is closed.
    worker.bytesPerMs = piece.end < end ? undefined : (rateOf(piece, monotonicMs()) ?? worker.bytesPerMs);
  };

  const takeOver = async (worker: Worker, { victim, range }: Tail): Promise<void> => {
    // Invariant: a byte has one fetcher: the tail is taken from its old one before it is asked for again.
    victim.end = range.start;
    const isGivenUp = victim.position === victim.end;
    if (isGivenUp) victim.cancel();
    context.counters.hedges += 1;
    context.emit('partHedged', { part: victim.part, range });
    await work(worker, { part: victim.part, ...range }, isGivenUp ? victim : undefined);
  };

  /** What an idle connection does while others are at work: takes over a tail. Gives the delay before its next look. */
  const help = async (worker: Worker, delayMs: number, until?: Promise<void>): Promise<number> => {
    const askedAtMs = await pause(delayMs, until);
    const mayLook = mayHedge && askedAtMs !== undefined;
    const tail = mayLook ? findTail([...active].filter(isHedgeable), usual, worker.bytesPerMs, askedAtMs) : undefined;
    if (tail === undefined) return HEDGE_CHECK_MS;
    await takeOver(worker, tail);
    return 0;
  };

  /**
   * Resolves with the time to judge the others by: while the loop was busy their bytes waited in the sockets, and nobody
   * was silent. With undefined, and earlier, when `until` settles or nothing is under way any more.
   */
  const pause = (delayMs: number, until?: Promise<void>) =>
    new Promise<number | undefined>((resolve) => {
      const finish = (askedAtMs?: number) => {
        timer.stop();
        idlers.delete(wake);
        resolve(askedAtMs);
      };
      const wake = () => finish();
      const timer = afterPolling(delayMs, finish);
      idlers.add(wake);
      until?.then(wake, wake);
    });

  /** Waits for budget. Whoever holds it back may be slow: then its tail is taken over meanwhile. */
  const reserve = async (worker: Worker, byteCount: number): Promise<void> => {
    let isSettled = false;
    const granted = acquire(byteCount).finally(() => {
      isSettled = true;
    });
    granted.catch(() => {});
    for (let delayMs = HEDGE_CHECK_MS; !isSettled && active.size > 0; ) delayMs = await help(worker, delayMs, granted);
    await granted;
  };

  const connection = async (): Promise<void> => {
    const worker: Worker = { bytesPerMs: undefined };
    await gate.enter(context.signal);
    for (let next = pieces.next(); !next.done; next = pieces.next()) {
      await reserve(worker, byteLength(next.value));
      const local = await readLocal?.(next.value);
      if (local === undefined) await work(worker, next.value);
      else await deliver(next.value.start, local);
      // A connection that has to slow down does so between two pieces.
      gate.leave();
      await gate.enter(context.signal);
    }
    gate.leave();
    takers -= 1;
    wakeAtEnd();
    // A connection that failed takes no piece any more and says nothing: the end of the download is what ends the wait.
    let delayMs = 0;
    while (mayHedge && !context.signal.aborted && (takers > 0 || active.size > 0)) {
      if (gate.tryEnter()) delayMs = await help(worker, delayMs).finally(gate.leave);
      else await pause(HEDGE_CHECK_MS);
    }
  };

  const openingConnection = async ({ part, piece, byteCount, run }: OpeningWork): Promise<void> => {
    announce.started(part);
    await (piece === undefined ? run() : watch(piece, run));
    announce.fetched(part, piece === undefined ? byteCount : piece.position - piece.start);
    await connection();
  };

  const first = opening === undefined ? connection() : openingConnection(opening);
  await Promise.all([first, ...Array.from({ length: context.options.concurrency - 1 }, connection)]);
}

/** Announces a part once when its first piece starts and once when its last byte is there. */
function createPartAnnouncer(context: FetchContext): {
  started(part: Part): void;
  fetched(part: Part, byteCount: number): void;
} {
  const left = new Map<number, number>();
  return {
    started(part: Part) {
      if (left.has(part.index)) return;
      left.set(part.index, byteLength(part));
      context.emit('partStarted', { part, attempt: 1 });
    },
    fetched(part: Part, byteCount: number) {
      const rest = (left.get(part.index) ?? 0) - byteCount;
      left.set(part.index, rest);
      if (rest > 0) return;
      left.delete(part.index);
      context.emit('partCompleted', { part });
    },
  };
}
