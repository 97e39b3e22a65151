/**
 * The memory that one connection reads into: neighbouring reads land side by side in one slab, so that a writer can join
 * them into one write and V8 sees one external allocation per slab instead of one per read. A slab is never reused: the
 * collector takes it when the last view of it is gone.
 */

/** Bytes of one slab. */
export const SLAB_BYTES: number = 256 * 1024;

/** What a connection asks before each read, and tells after it. */
export interface SlabFeed {
  /** Room for the next read: the unused rest of the current slab. Asking twice without `take` gives the same room. */
  room(): Buffer;
  /** The first `byteCount` bytes of that room were filled: gives their view, and uses them up. */
  take(byteCount: number): Buffer;
}

/** @param minRoomBytes - a new slab is started when less than this is left of the current one. */
export function createSlabFeed(minRoomBytes: number): SlabFeed {
  // allocUnsafeSlow: a slab of its own, not a piece of Node's shared pool, and not zeroed first.
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  let used = 0;
  return {
    room() {
      if (SLAB_BYTES - used < minRoomBytes) {
        slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
        used = 0;
      }
      return used === 0 ? slab : slab.subarray(used);
    },
    take(byteCount) {
      // Invariant: no byte of a slab is handed out twice, so a chunk stays as it was read for as long as anyone holds it.
      const start = used;
      used += byteCount;
      return slab.subarray(start, used);
    },
  };
}
