/**
 * The memory that connections read into: neighbouring reads land side by side in one slab, so that a writer can join
 * them into one write and V8 sees one external allocation per slab instead of one per read. A slab is used again only
 * after everyone who took bytes of it has given all of them back; otherwise the collector takes it.
 */

/** Bytes of one slab. */
export const SLAB_BYTES: number = 256 * 1024;
/** Slabs that wait to be used again: 16 MiB. */
const MAX_FREE_SLABS = 64;

interface Slab {
  readonly memory: Buffer;
  used: number;
  /** Reads that undici's parser has not looked at yet, and one while the slab can still be read into. */
  users: number;
  /** Bytes that were handed out and not given back. */
  heldBytes: number;
  isFree: boolean;
}

const slabs = new WeakMap<ArrayBufferLike, Slab>();
const free: Slab[] = [];

/** What a connection asks before each read, and tells after it. */
export interface SlabFeed {
  /** Room for the next read: the unused rest of the current slab. Asking twice without `take` gives the same room. */
  room(): Buffer;
  /** The first `byteCount` bytes of that room were filled: gives their view, and uses them up. */
  take(byteCount: number): Buffer;
}

/** @param minRoomBytes - a new slab is started when less than this is left of the current one. */
export function createSlabFeed(minRoomBytes: number): SlabFeed {
  let slab = openSlab();
  return {
    room() {
      if (SLAB_BYTES - slab.used < minRoomBytes) {
        leave(slab);
        slab = openSlab();
      }
      return slab.used === 0 ? slab.memory : slab.memory.subarray(slab.used);
    },
    take(byteCount) {
      // Invariant: no byte of a slab is handed out twice before all of them were given back.
      const start = slab.used;
      slab.used += byteCount;
      slab.users += 1;
      return slab.memory.subarray(start, slab.used);
    },
  };
}

/** The parser has taken what it wants of a read; `read` is what `take` gave, or any view of it. */
export function endRead(read: Uint8Array): void {
  const slab = slabs.get(read.buffer);
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
  const reused = free.pop();
  if (reused !== undefined) {
    return Object.assign(reused, { used: 0, users: 1, isFree: false });
  }
  // allocUnsafeSlow: memory of its own, not a piece of Node's shared pool, and not zeroed first.
  const slab = { memory: Buffer.allocUnsafeSlow(SLAB_BYTES), used: 0, users: 1, heldBytes: 0, isFree: false };
  slabs.set(slab.memory.buffer, slab);
  return slab;
}

function leave(slab: Slab): void {
  slab.users -= 1;
  freeIfUnused(slab);
}

function freeIfUnused(slab: Slab): void {
  if (slab.isFree || slab.users > 0 || slab.heldBytes !== 0 || free.length >= MAX_FREE_SLABS) return;
  slab.isFree = true;
  free.push(slab);
}
