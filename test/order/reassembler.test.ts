import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidOptionError, ProtocolError } from '../../src/errors.js';
import { createReassembler } from '../../src/order/reassembler.js';
import type { PlacedChunk } from '../../src/part.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';

/** A chunk of the ramp that counts how often it was released. */
function chunk(offset: number, length: number, released: number[] = []): PlacedChunk {
  return { offset, bytes: ramp(offset + length).slice(offset), release: () => void released.push(offset) };
}

async function reassemble(range: { start: number; end: number }, chunks: Iterable<PlacedChunk>): Promise<Buffer> {
  const received: Buffer[] = [];
  await pipeline(Readable.from(chunks), createReassembler(range), async (bytes) => {
    for await (const piece of bytes) received.push(piece);
  });
  return Buffer.concat(received);
}

describe('createReassembler', () => {
  it('gives the bytes in order, whatever the order of the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 5000 }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        async (start, sizes, choices) => {
          let end = start;
          const inOrder = sizes.map((size) => {
            end += size;
            return [end - size, size] as const;
          });
          const released: number[] = [];
          const shuffled: PlacedChunk[] = [];
          while (inOrder.length > 0) {
            const [next] = inOrder.splice((choices.next().value ?? 0) % inOrder.length, 1);
            if (next !== undefined) shuffled.push(chunk(...next, released));
          }
          const bytes = await reassemble({ start, end }, shuffled);
          expect(bytes.length).toBe(end - start);
          expectRamp(bytes, start);
          expect(released.length).toBe(sizes.length);
          expect(new Set(released).size).toBe(sizes.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('takes every chunk at once and releases it when its bytes have left, not before', async () => {
    const released: number[] = [];
    const reassembler = createReassembler({ start: 0, end: 500 });
    for (const offset of [100, 300, 200, 400]) expect(reassembler.write(chunk(offset, 100, released))).toBe(true);
    await delay(1);
    expect(released).toEqual([]);
    reassembler.on('data', () => {});
    await delay(1);
    expect(released).toEqual([]);
    reassembler.end(chunk(0, 100, released));
    await once(reassembler, 'end');
    expect(released).toEqual([0, 100, 200, 300, 400]);
  });

  it('what a reader keeps is never memory that is read into again', async () => {
    const size = 1_000_000;
    // Whoever gets a chunk back writes other bytes into it at once.
    const chunks = [400_000, 0, 700_000].map((offset): PlacedChunk => {
      const placed = chunk(offset, offset === 0 ? 400_000 : 300_000);
      return { ...placed, recycle: () => placed.bytes.fill(0xff) };
    });
    const kept: Buffer[] = [];
    for await (const bytes of Readable.from(chunks).pipe(createReassembler({ start: 0, end: size }))) kept.push(bytes);
    expectRamp(Buffer.concat(kept), 0);
    expect(Buffer.concat(kept)).toHaveLength(size);
  });

  it('hands on no more than its reader takes', async () => {
    const released: number[] = [];
    const reassembler = createReassembler({ start: 0, end: 1000 }, { highWaterMark: 100 });
    for (let offset = 0; offset < 1000; offset += 50) reassembler.write(chunk(offset, 50, released));
    reassembler.read(0);
    await delay(1);
    expect(released).toEqual([0, 50]);
  });

  it('is right when its reader pauses and goes on a hundred times (T139)', async () => {
    const size = 100_000;
    const chunks = Array.from({ length: 100 }, (_, index) => chunk((index ^ 3) * 1000, 1000));
    const source = Readable.from(chunks).pipe(createReassembler({ start: 0, end: size }, { highWaterMark: 1500 }));
    const received: Buffer[] = [];
    let pauses = 0;
    source.on('data', (bytes: Buffer) => {
      received.push(bytes);
      source.pause();
      pauses += 1;
      setImmediate(() => source.resume());
    });
    await once(source, 'end');
    expect(pauses).toBeGreaterThanOrEqual(100);
    expect(Buffer.concat(received).length).toBe(size);
    expectRamp(Buffer.concat(received));
  });

  it('the ordered stream ends only when every byte of the range has come', async () => {
    const missing = [[chunk(0, 100)], [chunk(100, 100)], [chunk(0, 100), chunk(150, 50)], []];
    for (const chunks of missing) {
      await expect(reassemble({ start: 0, end: 200 }, chunks)).rejects.toThrow(ProtocolError);
    }
  });

  it.each([
    ['before the range', [chunk(5, 10)], { start: 10, end: 30 }],
    ['beyond the range', [chunk(10, 20), chunk(30, 1)], { start: 10, end: 30 }],
    ['across the end', [chunk(20, 11), chunk(10, 10)], { start: 10, end: 30 }],
    ['where another one waits', [chunk(20, 5), chunk(20, 10)], { start: 10, end: 30 }],
    ['where another one was handed on', [chunk(10, 10), chunk(10, 10)], { start: 10, end: 30 }],
    ['over the end of one before it', [chunk(20, 10), chunk(10, 15), chunk(25, 5)], { start: 10, end: 30 }],
    ['over the beginning of one that waits', [chunk(18, 12), chunk(10, 10)], { start: 10, end: 30 }],
    ['within one that waits', [chunk(20, 10), chunk(22, 2), chunk(10, 10)], { start: 10, end: 30 }],
    [
      'within one that waits, of unknown end',
      [chunk(20, 10), chunk(22, 2), chunk(10, 10)],
      { start: 10, end: Infinity },
    ],
  ])(
    'a byte leaves once: a chunk is taken only where none has left, and one that overlaps another never leaves: one %s is an error',
    async (_where, chunks, range) => {
      await expect(reassemble(range, chunks)).rejects.toThrow(ProtocolError);
    },
  );

  it('fails as soon as a chunk comes for bytes that have left, while its input goes on', async () => {
    const reassembler = createReassembler({ start: 0, end: 500 });
    reassembler.resume();
    reassembler.write(chunk(0, 100));
    await once(reassembler, 'data');
    reassembler.write(chunk(50, 10));
    await expect(once(reassembler, 'end')).rejects.toThrow(ProtocolError);
  });

  it('takes the end of the input for the end when the range has none, and refuses gaps then too', async () => {
    const open = { start: 10, end: Number.POSITIVE_INFINITY };
    expectRamp(await reassemble(open, [chunk(20, 5), chunk(10, 10)]), 10);
    expect(await reassemble(open, [])).toHaveLength(0);
    await expect(reassemble(open, [chunk(10, 10), chunk(21, 5)])).rejects.toThrow(ProtocolError);
  });

  it('ends at once for an empty range, and releases a chunk without bytes', async () => {
    const released: number[] = [];
    expect(await reassemble({ start: 7, end: 7 }, [chunk(7, 0, released)])).toHaveLength(0);
    expect(released).toEqual([7]);
  });

  it('releases what waits when it is destroyed', async () => {
    const released: number[] = [];
    const reassembler = createReassembler({ start: 0, end: 500 });
    for (const offset of [100, 300]) reassembler.write(chunk(offset, 100, released));
    reassembler.destroy();
    await once(reassembler, 'close');
    expect(released).toEqual([100, 300]);
  });

  it('ends the pipeline with the failure of its reader', async () => {
    const failing = new Writable({ write: (_bytes, _encoding, done) => done(new Error('disk full')) });
    const chunks = [chunk(0, 100), chunk(100, 100)];
    await expect(pipeline(Readable.from(chunks), createReassembler({ start: 0, end: 200 }), failing)).rejects.toThrow(
      'disk full',
    );
  });

  it.each([
    [undefined, 'range.start'],
    [{ start: -1, end: 5 }, 'range.start'],
    [{ start: 5, end: 4 }, 'range.end'],
    [{ start: 0, end: Number.NaN }, 'range.end'],
    [{ start: 0, end: Number.NEGATIVE_INFINITY }, 'range.end'],
  ])('refuses the range %o', (range, option) => {
    expect(() => createReassembler(range as never)).toThrow(
      expect.objectContaining({ name: InvalidOptionError.name, option }),
    );
  });

  it('refuses options that it does not know', () => {
    const range = { start: 0, end: 1 };
    expect(() => createReassembler(range, { highWatermark: 1 } as never)).toThrow(/highWatermark/);
    expect(() => createReassembler(range, { highWaterMark: -1 })).toThrow(/highWaterMark/);
  });
});
