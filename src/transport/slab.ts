/**
 * The memory that connections read into: neighbouring reads land side by side in one slab, so that a writer can join
 * them into one write and V8 sees one external allocation per slab instead of one per read. A slab is used again only
 * after everyone who took bytes of it has given all of them back; otherwise the collector takes it.
 */

import { monotonicMs } from '../time.js';

/** Bytes of a slab: large reads cost least, but every connection holds the one that it reads into. */
export const SLAB_BYTES: { readonly min: number; readonly max: number } = { min: 64 * 1024, max: 512 * 1024 };
/** The most that all connections of a process hold in this way, until slabs cannot get any smaller. */
const SHARED_BYTES = 16 * 1024 * 1024;
/** Bytes of slabs that wait to be used again: an ordered stream gives back its whole budget at once when its head comes. */
const MAX_FREE_BYTES = 128 * 1024 * 1024;
/** Free slabs that nobody needed for so long are given up. */
const TRIM_EVERY_MS = 1000;

interface Slab {
  readonly memory: Buffer;
  used: number;
  /** Views that undici's parser is not through with, and one while the slab can still be read into. */
  users: number;
  /** Bytes that were handed out and not given back. */
  heldBytes: number;
  isFree: boolean;
}

const slabs = new WeakMap<ArrayBufferLike, Slab>();
/** By their size; the last one used is the first to be used again, while the processor's cache still has it. */
const free = new Map<number, Slab[]>();
let freeBytes = 0;
/** The least that was free since the last trim: so much was not needed. */
let unneededBytes = 0;
let trimmedAtMs = 0;
let openFeeds = 0;

/** What a connection reads into, and what waits there for the parser. */
export interface SlabFeed {
  /** Room for the next read, in the unused rest of the current slab. Asking twice without `filled` gives the same room. */
  room(maxBytes?: number): Buffer;
  /** The first `byteCount` bytes of that room were filled. */
  filled(byteCount: number): void;
  /** Bytes that were filled and not taken. */
  readonly waitingBytes: number;
  /** Takes the oldest of them: all that lie side by side, as one view. Undefined when none wait. */
  take(): Buffer | undefined;
  /** The connection is over. Its slab is not used again. Idempotent. */
  close(): void;
}

/** @param minRoomBytes - a new slab is started when less than this is left of the current one. */
export function createSlabFeed(minRoomBytes: number): SlabFeed {
  let isOpen = true;
  openFeeds += 1;
  let slab = openSlab();
  /** Where the bytes of the current slab begin that were not taken. */
  let waitingFrom = 0;
  /** Views of what was not taken of the slabs before. */
  const left: Buffer[] = [];
  let waitingBytes = 0;
  const view = () => {
    const bytes = slab.memory.subarray(waitingFrom, slab.used);
    waitingFrom = slab.used;
    slab.users += 1;
    return bytes;
  };
  return {
    room(maxBytes = SLAB_BYTES.max) {
      if (slab.memory.length - slab.used < minRoomBytes) {
        if (slab.used > waitingFrom) left.push(view());
        leave(slab);
        slab = openSlab();
        waitingFrom = 0;
      }
      return slab.memory.subarray(slab.used, slab.used + maxBytes);
    },
    filled(byteCount) {
      // Invariant: no byte of a slab is handed out twice before all of them were given back.
      slab.used += byteCount;
      waitingBytes += byteCount;
    },
    get waitingBytes() {
      return waitingBytes;
    },
    take() {
      const bytes = left.shift() ?? (slab.used > waitingFrom ? view() : undefined);
      waitingBytes -= bytes?.length ?? 0;
      return bytes;
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      openFeeds -= 1;
      if (openFeeds > 0) return;
      // Nobody reads any more: an idle process holds nothing.
      free.clear();
      freeBytes = 0;
      unneededBytes = 0;
    },
  };
}

/** The parser is through with what `take` gave. */
export function endRead(bytes: Uint8Array): void {
  const slab = slabs.get(bytes.buffer);
  if (slab !== undefined) leave(slab);
}

/** These bytes are somebody's now. Invariant: a slab is never read into again while anyone holds bytes of it. */
export function holdBytes(bytes: Uint8Array): void {
  const slab = slabs.get(bytes.buffer);
  if (slab !== undefined) slab.heldBytes += bytes.byteLength;
}

/** Gives back bytes that were held, each once. Nobody may look at them any more. */
export function recycleBytes(bytes: Uint8Array): void {
  const slab = slabs.get(bytes.buffer);
  if (slab === undefined) return;
  slab.heldBytes -= bytes.byteLength;
  freeIfUnused(slab);
}

function openSlab(): Slab {
  const byteCount = slabBytes();
  const reused = free.get(byteCount)?.pop();
  if (reused !== undefined) {
    freeBytes -= byteCount;
    unneededBytes = Math.min(unneededBytes, freeBytes);
    return Object.assign(reused, { used: 0, users: 1, isFree: false });
  }
  // allocUnsafeSlow: memory of its own, not a piece of Node's shared pool, and not zeroed first.
  const slab = { memory: Buffer.allocUnsafeSlow(byteCount), used: 0, users: 1, heldBytes: 0, isFree: false };
  slabs.set(slab.memory.buffer, slab);
  return slab;
}

/** The more connections, the smaller: a power of two. */
function slabBytes(): number {
  let byteCount = SLAB_BYTES.max;
  while (byteCount > SLAB_BYTES.min && byteCount * openFeeds > SHARED_BYTES) byteCount /= 2;
  return byteCount;
}

function leave(slab: Slab): void {
  slab.users -= 1;
  freeIfUnused(slab);
}

function freeIfUnused(slab: Slab): void {
  if (slab.isFree || slab.users > 0 || slab.heldBytes !== 0) return;
  const byteCount = slab.memory.length;
  if (openFeeds === 0 || freeBytes + byteCount > MAX_FREE_BYTES) return;
  trim();
  slab.isFree = true;
  freeBytes += byteCount;
  const sameSize = free.get(byteCount);
  if (sameSize === undefined) free.set(byteCount, [slab]);
  else sameSize.push(slab);
}

/** Gives up what was not needed lately, beginning with the slabs that have been free longest. */
function trim(): void {
  const nowMs = monotonicMs();
  if (nowMs - trimmedAtMs < TRIM_EVERY_MS) return;
  for (const [byteCount, sameSize] of free) {
    const count = Math.min(sameSize.length, Math.floor(unneededBytes / byteCount));
    sameSize.splice(0, count);
    freeBytes -= count * byteCount;
    unneededBytes -= count * byteCount;
  }
  unneededBytes = freeBytes;
  trimmedAtMs = nowMs;
}
