import { describe, expect, it } from 'vitest';
import { createSlabFeed, SLAB_BYTES } from '../../src/transport/slab.js';

describe('a slab feed', () => {
  it('lays neighbouring reads side by side in one slab', () => {
    const feed = createSlabFeed(1024);
    const views = [100, 20_000, 1].map((byteCount) => {
      feed.room();
      return feed.take(byteCount);
    });
    expect(new Set(views.map((view) => view.buffer)).size).toBe(1);
    expect(views.map((view) => [view.byteOffset, view.length])).toEqual([
      [0, 100],
      [100, 20_000],
      [20_100, 1],
    ]);
  });

  it('gives the same room again when nothing was taken of it', () => {
    const feed = createSlabFeed(1024);
    feed.room();
    feed.take(500);
    expect(feed.room().byteOffset).toBe(500);
    expect(feed.room().byteOffset).toBe(500);
  });

  it('never gives less room than asked for: it starts a new slab', () => {
    const feed = createSlabFeed(1024);
    const first = feed.room();
    feed.take(SLAB_BYTES.max - 1023);
    const second = feed.room();
    expect(second.buffer).not.toBe(first.buffer);
    expect(second.length).toBe(SLAB_BYTES.max);
  });

  it('no byte of a slab is handed out twice, so a chunk stays as it was read for as long as anyone holds it', () => {
    const feed = createSlabFeed(1024);
    const held: { view: Buffer; fill: number }[] = [];
    for (let read = 0; read < 200; read++) {
      const room = feed.room();
      const byteCount = Math.min(room.length, 1 + ((read * 7919) % 50_000));
      room.fill(read % 256, 0, byteCount);
      held.push({ view: feed.take(byteCount), fill: read % 256 });
    }
    for (const { view, fill } of held) expect(view.every((byte) => byte === fill)).toBe(true);
  });
});
