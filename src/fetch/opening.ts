/**
 * The bytes of the first request, which arrive while the rest of the pipeline is still being set up: kept until somebody
 * takes them, then passed straight through. Holds the connection rather than more bytes than the budget allows.
 */

import { createDeferred } from '../deferred.js';
import type { Part } from '../part.js';
import type { Discovery } from './first-request.js';
import type { DeliverBytes } from './part-fetcher.js';
import type { PieceProgress } from './piece-progress.js';

/** A discovered object, and the response that is bringing its first bytes. */
export interface Opening extends Discovery {
  /** How far it is. Of a ranged opening the tail may be taken over. */
  readonly piece: PieceProgress;
  /** Hands over what has come and what comes, as bytes of `part`. Resolves when all were delivered. Call it once. */
  deliverTo(deliver: DeliverBytes, part: Part): Promise<void>;
  /** Whether all of `range` comes within this time. Bytes wait here meanwhile. */
  isWholeWithin(limitMs: number): Promise<boolean>;
  /** Drops the response. */
  abandon(): void;
}

/** Keeps chunks until a receiver is there. */
export interface HoldingQueue {
  readonly deliver: DeliverBytes;
  attach(deliver: DeliverBytes): void;
}

/** @param maxBytes - above this the connection is held until a receiver is attached */
export function createHoldingQueue(maxBytes: number): HoldingQueue {
  let receiver: DeliverBytes | undefined;
  let kept: { offset: number; bytes: Buffer }[] = [];
  let keptBytes = 0;
  const attached = createDeferred<void>();
  return {
    deliver(offset, bytes) {
      if (receiver !== undefined) return receiver(offset, bytes);
      kept.push({ offset, bytes });
      keptBytes += bytes.length;
      return keptBytes >= maxBytes ? attached.promise : undefined;
    },
    attach(deliver) {
      receiver = deliver;
      const holds = kept.map(({ offset, bytes }) => deliver(offset, bytes)).filter((hold) => hold !== undefined);
      kept = [];
      // An abort ends the wait, too, and is told elsewhere.
      void Promise.all(holds).then(
        () => attached.resolve(),
        () => attached.resolve(),
      );
    },
  };
}
