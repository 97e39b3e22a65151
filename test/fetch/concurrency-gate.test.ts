import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ConcurrencyGate, createConcurrencyGate } from '../../src/fetch/concurrency-gate.js';

const never = new AbortController().signal;

/** How many are let in when those inside have left. */
function roomIn(gate: ConcurrencyGate, inside: number): number {
  for (let i = 0; i < inside; i += 1) gate.leave();
  let room = 0;
  while (gate.tryEnter()) room += 1;
  return room;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a concurrency gate', () => {
  it('lets in as many as are allowed, and the next one when somebody leaves', async () => {
    const gate = createConcurrencyGate(2);
    await gate.enter(never);
    await gate.enter(never);
    let isIn = false;
    const third = gate.enter(never).then(() => {
      isIn = true;
    });
    await Promise.resolve();
    expect(isIn).toBe(false);
    expect(gate.tryEnter()).toBe(false);
    gate.leave();
    await third;
    expect(isIn).toBe(true);
  });

  it('allows half of those at work when the store is busy, once for answers that come together, and never none', () => {
    const gate = createConcurrencyGate(20);
    for (let i = 0; i < 8; i += 1) gate.tryEnter();
    gate.slowDown();
    gate.slowDown();
    expect(roomIn(gate, 8)).toBe(4);
    for (let i = 0; i < 10; i += 1) {
      vi.advanceTimersByTime(600);
      gate.slowDown();
    }
    expect(roomIn(gate, 4)).toBe(1);
  });

  it('lets nobody in until there are fewer at work than allowed', () => {
    const gate = createConcurrencyGate(4);
    for (let i = 0; i < 4; i += 1) gate.tryEnter();
    gate.slowDown();
    gate.leave();
    gate.leave();
    expect(gate.tryEnter()).toBe(false);
    gate.leave();
    expect(gate.tryEnter()).toBe(true);
  });

  it('allows more again with every piece, up to what the caller asked for', async () => {
    const gate = createConcurrencyGate(4);
    for (let i = 0; i < 4; i += 1) gate.tryEnter();
    gate.slowDown();
    const waiting = gate.enter(never);
    gate.leave();
    gate.leave();
    for (let i = 0; i < 4; i += 1) gate.speedUp();
    await waiting;
    for (let i = 0; i < 100; i += 1) gate.speedUp();
    expect(roomIn(gate, 3)).toBe(4);
  });

  it('stops waiting when the download is aborted', async () => {
    const gate = createConcurrencyGate(1);
    gate.tryEnter();
    const controller = new AbortController();
    const waiting = gate.enter(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    gate.leave();
    expect(gate.tryEnter()).toBe(true);
  });
});
