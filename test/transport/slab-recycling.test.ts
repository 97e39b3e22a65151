import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createSlabFeed, endRead, holdBytes, recycleBytes, SLAB_BYTES } from '../../src/transport/slab.js';

/** Reads `byteCount` bytes, as a socket does. */
function read(feed: ReturnType<typeof createSlabFeed>, byteCount: number): Buffer {
  expect(feed.room().length).toBeGreaterThanOrEqual(byteCount);
  return take(feed, byteCount);
}

function take(feed: ReturnType<typeof createSlabFeed>, byteCount: number): Buffer {
  feed.filled(byteCount);
  return feed.take() ?? Buffer.alloc(0);
}

/** Fills what is left of the current slab, so that the next read starts another one. */
function leaveSlab(feed: ReturnType<typeof createSlabFeed>): void {
  endRead(take(feed, feed.room().length));
  feed.room();
}

describe('a slab', () => {
  it('is read into again once its reads are over and its bytes were given back', () => {
    const feed = createSlabFeed(1024);
    const bytes = read(feed, 1000);
    holdBytes(bytes);
    endRead(bytes);
    leaveSlab(feed);
    recycleBytes(bytes);
    // The slab after it stays with its holder, so that the first one is the next.
    holdBytes(read(feed, 10));
    leaveSlab(feed);
    expect(feed.room().buffer).toBe(bytes.buffer);
  });

  it('is never read into again while anyone holds bytes of it', () => {
    const feed = createSlabFeed(1024);
    const bytes = read(feed, 1000);
    holdBytes(bytes);
    endRead(bytes);
    leaveSlab(feed);
    recycleBytes(bytes.subarray(0, 999));
    for (let slab = 0; slab < 100; slab += 1) {
      expect(feed.room().buffer).not.toBe(bytes.buffer);
      leaveSlab(feed);
    }
  });

  it('is never read into again while the parser has a read of it', () => {
    const feed = createSlabFeed(1024);
    const bytes = read(feed, 1000);
    leaveSlab(feed);
    for (let slab = 0; slab < 100; slab += 1) {
      expect(feed.room().buffer).not.toBe(bytes.buffer);
      leaveSlab(feed);
    }
  });

  it('that nobody needed for a second is given up, the others stay', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const feed = createSlabFeed(1024);
    /** Uses so many slabs at once and gives them back. Returns how many of them were not there before. */
    const use = (count: number): number => {
      const held: Buffer[] = [];
      for (let slab = 0; slab < count; slab += 1) {
        const bytes = take(feed, feed.room().length);
        holdBytes(bytes);
        endRead(bytes);
        held.push(bytes);
      }
      feed.room();
      for (const bytes of held) recycleBytes(bytes);
      const fresh = held.filter(({ buffer }) => !known.has(buffer));
      for (const { buffer } of fresh) known.add(buffer);
      return fresh.length;
    };
    const known = new WeakSet<ArrayBufferLike>();
    use(40);
    expect(use(40)).toBeLessThanOrEqual(1);
    for (let second = 0; second < 3; second += 1) {
      vi.advanceTimersByTime(1001);
      expect(use(10)).toBe(0);
    }
    expect(use(40)).toBeGreaterThan(20);
    feed.close();
    vi.useRealTimers();
  });

  it('is not given out twice by bytes of no length that are given back late', () => {
    const feed = createSlabFeed(1024);
    const bytes = read(feed, 1000);
    holdBytes(bytes);
    endRead(bytes);
    leaveSlab(feed);
    recycleBytes(bytes);
    recycleBytes(bytes.subarray(0, 0));
    const rooms = Array.from({ length: 4 }, () => createSlabFeed(1024).room().buffer);
    expect(new Set(rooms).size).toBe(rooms.length);
  });

  it('no byte of a slab is handed out twice before all of them were given back, whatever the order', () => {
    const step = fc.record({ byteCount: fc.integer({ min: 1, max: 100_000 }), giveBack: fc.nat(5), feed: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const feeds = [createSlabFeed(32 * 1024), createSlabFeed(16 * 1024), createSlabFeed(SLAB_BYTES.max)];
        const held: { bytes: Buffer; mark: number }[] = [];
        for (const [mark, { byteCount, giveBack, feed }] of steps.entries()) {
          const from = feeds[feed] ?? createSlabFeed(1024);
          const bytes = take(from, Math.min(byteCount, from.room().length));
          bytes.fill(mark % 256);
          holdBytes(bytes);
          endRead(bytes);
          held.push({ bytes, mark });
          for (const { bytes, mark } of held.splice(0, giveBack)) {
            expect(bytes.every((byte) => byte === mark % 256)).toBe(true);
            recycleBytes(bytes);
          }
        }
        for (const { bytes, mark } of held) expect(bytes.every((byte) => byte === mark % 256)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
