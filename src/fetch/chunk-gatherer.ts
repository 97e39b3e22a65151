/**
 * Gathers small reads into larger chunks, so that a sender of single bytes costs as little memory per byte as any other.
 * Large reads pass without a copy. Refuses to keep bytes for longer than a moment.
 */

import { after, type Timer } from '../time.js';

const GATHER_BELOW_BYTES = 8 * 1024;
const GATHERED_BYTES = 64 * 1024;
/** How long a small read may wait for the next one. */
const MAX_WAIT_MS = 50;

export interface ChunkGatherer {
  add(bytes: Buffer): void;
  /** Hands on what is left. Call it when the response has ended, well or not. */
  flush(): void;
}

/** @param deliver - takes the chunks, in the order of the reads */
export function createChunkGatherer(deliver: (bytes: Buffer) => void): ChunkGatherer {
  let buffer: Buffer | undefined;
  let filled = 0;
  let timer: Timer | undefined;
  const flush = () => {
    timer?.stop();
    timer = undefined;
    if (buffer === undefined || filled === 0) return;
    // The rest of the buffer is filled later, so that a trickle does not hold one large buffer per flush.
    const bytes = buffer.subarray(0, filled);
    buffer = filled < buffer.length ? buffer.subarray(filled) : undefined;
    filled = 0;
    deliver(bytes);
  };
  return {
    add(bytes) {
      if (bytes.length >= GATHER_BELOW_BYTES) {
        flush();
        deliver(bytes);
        return;
      }
      for (let rest = bytes; rest.length > 0; ) {
        buffer ??= Buffer.allocUnsafeSlow(GATHERED_BYTES);
        const copied = rest.copy(buffer, filled);
        filled += copied;
        rest = rest.subarray(copied);
        if (filled === buffer.length) flush();
      }
      if (filled > 0) timer ??= after(MAX_WAIT_MS, flush);
    },
    flush,
  };
}
