import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReadAheadWindow } from '../../src/order/read-ahead-window.js';

const quiet = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('createReadAheadWindow', () => {
  it('grants at once what fits, and the rest as bytes come back', async () => {
    const window = createReadAheadWindow(100);
    const granted: number[] = [];
    for (const bytes of [60, 40, 30]) void window.acquire(bytes, quiet).then(() => granted.push(bytes));
    await settled();
    expect(granted).toEqual([60, 40]);
    expect(window.isFull).toBe(true);
    window.release(20);
    await settled();
    expect(granted).toEqual([60, 40]);
    window.release(10);
    await settled();
    expect(granted).toEqual([60, 40, 30]);
  });

  it('reservations are granted in the order they were asked for, also when a later one would fit', async () => {
    const window = createReadAheadWindow(100);
    const granted: number[] = [];
    for (const bytes of [80, 50, 10]) void window.acquire(bytes, quiet).then(() => granted.push(bytes));
    await settled();
    expect(granted).toEqual([80]);
    window.release(80);
    await settled();
    expect(granted).toEqual([80, 50, 10]);
  });

  it('grants a reservation larger than the whole window when the window is empty', async () => {
    const window = createReadAheadWindow(100);
    await window.acquire(1, quiet);
    let isGranted = false;
    const large = window.acquire(1000, quiet).then(() => {
      isGranted = true;
    });
    await settled();
    expect(isGranted).toBe(false);
    window.release(1);
    await large;
    expect(window.isFull).toBe(true);
  });

  it('rejects with the reason of the signal, and lets the next one in line through', async () => {
    const window = createReadAheadWindow(100);
    await window.acquire(100, quiet);
    const controller = new AbortController();
    const aborted = window.acquire(90, controller.signal);
    const next = window.acquire(10, quiet);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    window.release(10);
    await next;
    expect(() => window.acquire(1, controller.signal)).toThrow(reason);
  });

  it('wakes nobody from inside release(): the waker may be in a data callback', async () => {
    const window = createReadAheadWindow(10);
    await window.acquire(10, quiet);
    const order: string[] = [];
    const waiting = window.acquire(10, quiet).then(() => order.push('granted'));
    window.release(10);
    order.push('released');
    await waiting;
    expect(order).toEqual(['released', 'granted']);
  });

  it('takes bytes beyond the budget when they are there already, and gives no more until they are back', async () => {
    const window = createReadAheadWindow(100);
    window.take(150);
    expect(window.isFull).toBe(true);
    let isGranted = false;
    void window.acquire(10, quiet).then(() => {
      isGranted = true;
    });
    window.release(50);
    await settled();
    expect(isGranted).toBe(false);
    window.release(10);
    await settled();
    expect(isGranted).toBe(true);
  });

  it('never lets more out than its budget, never stops while something fits, and keeps the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 30 }),
        fc.infiniteStream(fc.nat()),
        async (sizes, choices) => {
          const window = createReadAheadWindow(100);
          const granted: number[] = [];
          const held: number[] = [];
          for (const [index, size] of sizes.entries()) {
            void window.acquire(size, quiet).then(() => {
              granted.push(index);
              held.push(size);
            });
          }
          for (let returned = 0; returned < sizes.length; returned += 1) {
            await Promise.resolve();
            await Promise.resolve();
            const out = held.reduce((sum, size) => sum + size, 0);
            expect(held.length).toBeGreaterThan(0);
            if (held.length > 1) expect(out).toBeLessThanOrEqual(100);
            const [size = 0] = held.splice((choices.next().value ?? 0) % held.length, 1);
            window.release(size);
            await settled();
          }
          expect(granted).toEqual(sizes.map((_, index) => index));
        },
      ),
      { numRuns: 60 },
    );
  });
});
