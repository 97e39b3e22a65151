import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActivePiece } from '../../src/fetch/fetch-scheduler.js';
import { findTail } from '../../src/fetch/hedge.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const nowMs = 100_000;

function piece(startedAt: number, position: number, end: number, ageMs: number): ActivePiece {
  const part = { index: 0, start: startedAt, end };
  return { part, position, end, startedAt, startedAtMs: nowMs - ageMs };
}

describe('findTail', () => {
  it('takes over what lets both finish together', () => {
    // 1 MiB in 2 s by now, 4 MiB to go; the others do 512 KiB a second more than that.
    const slow = piece(0, 1 * MIB, 5 * MIB, 2000);
    const slowRate = MIB / 2000;
    const tail = findTail([slow], 3 * slowRate, nowMs);
    expect(tail?.victim).toBe(slow);
    expect(tail?.range.end).toBe(5 * MIB);
    expect(tail?.range.start).toBe(5 * MIB - 3 * MIB);
  });

  it('chooses the piece that would be done last', () => {
    const fast = piece(0, 4 * MIB, 5 * MIB, 2000);
    const slow = piece(5 * MIB, 6 * MIB, 10 * MIB, 2000);
    const silent = piece(10 * MIB, 10 * MIB, 15 * MIB, 3000);
    expect(findTail([fast, slow], 0, nowMs)?.victim).toBe(slow);
    expect(findTail([fast, slow, silent], 0, nowMs)?.victim).toBe(silent);
  });

  it('leaves a piece alone that will be done soon, is short, or has only begun', () => {
    const rate = MIB / 100;
    expect(findTail([piece(0, 4.9 * MIB, 5 * MIB, 2000)], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 100, 511 * KIB, 5000)], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 10, 5 * MIB, 900)], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 0, 5 * MIB, 1900)], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 0, 5 * MIB, 2000)], rate, nowMs)).toBeDefined();
    expect(findTail([], rate, nowMs)).toBeUndefined();
  });

  it('does nothing while there is no rate to compare with', () => {
    expect(findTail([piece(0, 0, 5 * MIB, 9000)], 0, nowMs)).toBeUndefined();
  });

  it('leaves the victim at least 256 KiB to go on with, and takes at least 256 KiB', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20 * MIB }),
        fc.integer({ min: 0, max: 20 * MIB }),
        fc.integer({ min: 0, max: 60_000 }),
        fc.integer({ min: 0, max: MIB }),
        (done, left, ageMs, usual) => {
          const victim = piece(1000, 1000 + done, 1000 + done + left, ageMs);
          const tail = findTail([victim], usual, nowMs);
          if (tail === undefined) return;
          expect(tail.range.start - victim.position).toBeGreaterThanOrEqual(256 * KIB);
          expect(tail.range.end - tail.range.start).toBeGreaterThanOrEqual(256 * KIB);
          expect(tail.range.end).toBe(victim.end);
        },
      ),
    );
  });
});
