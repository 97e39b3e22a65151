import { describe, expect, it } from 'vitest';
import { createSlabFeed, SLAB_BYTES, type SlabFeed } from '../../src/transport/slab.js';

function read(feed: SlabFeed, byteCount: number): Buffer {
  feed.room();
  feed.filled(byteCount);
  return feed.take() ?? Buffer.alloc(0);
}

describe('a slab feed', () => {
  it('lays neighbouring reads side by side in one slab', () => {
    const feed = createSlabFeed(1024);
    const views = [100, 20_000, 1].map((byteCount) => read(feed, byteCount));
    expect(new Set(views.map((view) => view.buffer)).size).toBe(1);
    expect(views.map((view) => [view.byteOffset, view.length])).toEqual([
      [0, 100],
      [100, 20_000],
      [20_100, 1],
    ]);
  });

  it('hands on neighbouring reads that wait as one view, and those of the slab before first', () => {
    const feed = createSlabFeed(1024);
    feed.room();
    feed.filled(300_000);
    feed.room();
    feed.filled(SLAB_BYTES.max - 300_000 - 10);
    feed.room();
    feed.filled(7);
    expect(feed.waitingBytes).toBe(SLAB_BYTES.max - 3);
    expect([feed.take()?.length, feed.take()?.length, feed.take()]).toEqual([SLAB_BYTES.max - 10, 7, undefined]);
    expect(feed.waitingBytes).toBe(0);
  });

  it('gives the same room again when nothing was taken of it', () => {
    const feed = createSlabFeed(1024);
    read(feed, 500);
    expect(feed.room().byteOffset).toBe(500);
    expect(feed.room().byteOffset).toBe(500);
  });

  it('never gives less room than asked for: it starts a new slab', () => {
    const feed = createSlabFeed(1024);
    const first = feed.room();
    feed.filled(SLAB_BYTES.max - 1023);
    const second = feed.room();
    expect(second.buffer).not.toBe(first.buffer);
    expect(second.length).toBe(SLAB_BYTES.max);
  });

  it('no byte of a slab is handed out twice, so a chunk stays as it was read for as long as anyone holds it', () => {
    const feed = createSlabFeed(1024);
    const held: { view: Buffer; fill: number }[] = [];
    for (let count = 0; count < 200; count++) {
      const room = feed.room();
      const byteCount = Math.min(room.length, 1 + ((count * 7919) % 50_000));
      room.fill(count % 256, 0, byteCount);
      held.push({ view: read(feed, byteCount), fill: count % 256 });
    }
    for (const { view, fill } of held) expect(view.every((byte) => byte === fill)).toBe(true);
  });
});
