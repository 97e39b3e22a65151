/**
 * Which locks this thread holds, or is about to take: a second call need not ask the disk. One that is being given up is
 * waited for, so that whoever has ended a download can begin the next one at once. Refuses to look at the disk.
 */

import { createDeferred, type Deferred } from '../deferred.js';
import { orAborted } from '../or-aborted.js';
import { after } from '../time.js';

/** The place of one holder, until `release()`. */
export interface Holding {
  /** It will be released soon. */
  leave(): void;
  /** May be called any number of times. */
  release(): void;
}

interface Holder {
  isLeaving: boolean;
  readonly signal: AbortSignal | undefined;
  readonly released: Deferred<void>;
}

/** Closing files takes no longer; whoever takes longer is a holder like any other. */
const LEAVING_LIMIT_MS = 30_000;

const holders = new Map<string, Holder>();

/** Takes the place, at once; undefined when somebody has it. `signal`: once it is aborted the holder is leaving. */
export function holdHere(lockPath: string, signal?: AbortSignal): Holding | undefined {
  if (holders.has(lockPath)) return undefined;
  const holder: Holder = { isLeaving: false, signal, released: createDeferred<void>() };
  holders.set(lockPath, holder);
  return {
    leave() {
      holder.isLeaving = true;
    },
    release() {
      if (holders.get(lockPath) !== holder) return;
      holders.delete(lockPath);
      holder.released.resolve();
    },
  };
}

/** Waits, within a limit, until the holder that is leaving has left; undefined when there is no such holder. */
export function leftHere(lockPath: string, signal?: AbortSignal): Promise<void> | undefined {
  const holder = leavingHolder(lockPath);
  return holder && waitUntilLeft(lockPath, signal);
}

async function waitUntilLeft(lockPath: string, signal: AbortSignal | undefined): Promise<void> {
  const isOver = createDeferred<void>();
  const timer = after(LEAVING_LIMIT_MS, isOver.resolve);
  try {
    for (let holder = leavingHolder(lockPath); holder !== undefined; holder = leavingHolder(lockPath)) {
      const left = Promise.race([holder.released.promise.then(() => true), isOver.promise.then(() => false)]);
      if (!(await (signal === undefined ? left : orAborted(left, signal)))) return;
    }
  } finally {
    timer.stop();
  }
}

function leavingHolder(lockPath: string): Holder | undefined {
  const holder = holders.get(lockPath);
  return holder !== undefined && (holder.isLeaving || holder.signal?.aborted) ? holder : undefined;
}
