/**
 * Keeps `concurrency` connections busy until the last byte: each takes the next piece in ascending order once its bytes
 * are reserved; when no piece is left, an idle one takes over the tail of the slowest. Refuses to hold bytes itself.
 */

import { type ByteRange, byteLength } from '../byte-range.js';
import type { Part } from '../part.js';
import { after, monotonicMs } from '../time.js';
import type { FetchContext } from './fetch-context.js';
import { findTail } from './hedge.js';
import type { ObjectBinding } from './object-binding.js';
import { type DeliverBytes, fetchPiece, type PieceProgress } from './part-fetcher.js';

/** How often an idle connection looks for a tail that is worth taking over. */
const HEDGE_CHECK_MS = 200;

/** A slice of a part: what one reservation covers and one ranged GET asks for. */
export interface ScheduledPiece {
  readonly part: Part;
  readonly start: number;
  readonly end: number;
}

/** A piece that a connection is working on. */
export interface ActivePiece extends PieceProgress {
  readonly startedAtMs: number;
  readonly startedAt: number;
}

/** The response that discovered the object is the first piece: it brings `byteCount` bytes of `part`. */
export interface OpeningWork {
  readonly part: Part;
  readonly byteCount: number;
  readonly run: () => Promise<void>;
}

export type ReadLocal = (range: ByteRange) => Promise<Buffer | undefined>;

export interface SchedulerOptions {
  /** In ascending order; taken one by one. */
  readonly pieces: Iterator<ScheduledPiece, void>;
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
  const active = new Set<ActivePiece>();
  const idlers = new Set<() => void>();
  const announce = createPartAnnouncer(context);
  let usualBytesPerMs = 0;

  const work = async (piece: ScheduledPiece): Promise<void> => {
    const progress: ActivePiece = {
      part: piece.part,
      position: piece.start,
      end: piece.end,
      startedAt: piece.start,
      startedAtMs: monotonicMs(),
    };
    active.add(progress);
    announce.started(piece.part);
    try {
      await fetchPiece(context, binding, progress, deliver);
    } finally {
      active.delete(progress);
      if (active.size === 0) for (const wake of idlers) wake();
    }
    const byteCount = progress.position - piece.start;
    const bytesPerMs = byteCount / Math.max(1, monotonicMs() - progress.startedAtMs);
    usualBytesPerMs = usualBytesPerMs === 0 ? bytesPerMs : 0.8 * usualBytesPerMs + 0.2 * bytesPerMs;
    announce.fetched(piece.part, byteCount);
  };

  const openPieces = async (): Promise<void> => {
    for (let next = pieces.next(); !next.done; next = pieces.next()) {
      await acquire(byteLength(next.value));
      const local = await readLocal?.(next.value);
      if (local === undefined) await work(next.value);
      else await deliver(next.value.start, local);
    }
  };

  /** A moment, or less when nothing is under way any more. */
  const pauseUntilIdle = () =>
    new Promise<void>((resolve) => {
      const wake = () => {
        timer.stop();
        idlers.delete(wake);
        resolve();
      };
      const timer = after(HEDGE_CHECK_MS, wake);
      idlers.add(wake);
    });

  const takeOverTails = async (): Promise<void> => {
    while (active.size > 0) {
      const tail = findTail(active, usualBytesPerMs);
      if (tail === undefined) {
        await pauseUntilIdle();
        continue;
      }
      // Invariant: a byte has one fetcher: the tail is taken from its old one before it is asked for again.
      tail.victim.end = tail.range.start;
      context.counters.hedges += 1;
      context.emit('partHedged', { part: tail.victim.part, range: tail.range });
      await work({ part: tail.victim.part, ...tail.range });
    }
  };

  const connection = async (): Promise<void> => {
    await openPieces();
    if (context.options.hedge) await takeOverTails();
  };

  const openingConnection = async ({ part, byteCount, run }: OpeningWork): Promise<void> => {
    announce.started(part);
    await run();
    announce.fetched(part, byteCount);
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
