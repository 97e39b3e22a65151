import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createChunkGatherer } from '../../src/fetch/chunk-gatherer.js';

const KIB = 1024;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function gather() {
  const chunks: Buffer[] = [];
  return { chunks, ...createChunkGatherer((bytes) => void chunks.push(bytes)) };
}

describe('createChunkGatherer', () => {
  it('passes large reads through without a copy', () => {
    const { chunks, add } = gather();
    const read = Buffer.alloc(8 * KIB, 1);
    add(read);
    expect(chunks).toEqual([read]);
    expect(chunks[0]?.buffer).toBe(read.buffer);
  });

  it('makes one chunk of many single bytes', () => {
    const { chunks, add, flush } = gather();
    for (let index = 0; index < 1000; index += 1) add(Buffer.from([index % 256]));
    expect(chunks).toEqual([]);
    flush();
    expect(chunks).toHaveLength(1);
    expect(chunks[0]?.every((byte, index) => byte === index % 256)).toBe(true);
  });

  it('hands a chunk on when it holds 64 KiB, and what waits after 50 ms', () => {
    const { chunks, add } = gather();
    for (let index = 0; index < 70; index += 1) add(Buffer.alloc(KIB));
    expect(chunks.map(({ length }) => length)).toEqual([64 * KIB]);
    vi.advanceTimersByTime(49);
    expect(chunks).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(chunks.map(({ length }) => length)).toEqual([64 * KIB, 6 * KIB]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('costs a trickle no buffer per flush', () => {
    const { chunks, add } = gather();
    for (let index = 0; index < 20; index += 1) {
      add(Buffer.from([index]));
      vi.advanceTimersByTime(50);
    }
    expect(chunks).toHaveLength(20);
    expect(new Set(chunks.map(({ buffer }) => buffer)).size).toBe(1);
    expect(chunks.map(([byte]) => byte)).toEqual([...chunks.keys()]);
  });

  it('keeps the bytes in order, whatever the sizes of the reads', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ size: fc.oneof(fc.nat(20), fc.nat(40_000)), waits: fc.boolean() }), { maxLength: 40 }),
        (reads) => {
          const { chunks, add, flush } = gather();
          let at = 0;
          for (const { size, waits } of reads) {
            const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (at + index) % 251));
            at += size;
            add(bytes);
            if (waits) vi.advanceTimersByTime(60);
          }
          flush();
          flush();
          const all = Buffer.concat(chunks);
          expect(all.length).toBe(at);
          for (let index = 0; index < at; index += 97) expect(all[index]).toBe(index % 251);
          expect(vi.getTimerCount()).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });
});
