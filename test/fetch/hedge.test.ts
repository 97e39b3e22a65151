import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blend, findTail, type UsualPiece } from '../../src/fetch/hedge.js';
import { type PieceProgress, startPiece } from '../../src/fetch/piece-progress.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const nowMs = 100_000;

interface Circumstances {
  readonly ageMs: number;
  readonly silentMs?: number;
  readonly takeovers?: number;
}

function piece(start: number, position: number, end: number, circumstances: Circumstances): PieceProgress {
  const { ageMs, silentMs = position > start ? 0 : ageMs, takeovers = 0 } = circumstances;
  const begun = startPiece({ index: 0, start, end }, start, end, takeovers);
  return { ...begun, position, startedAtMs: nowMs - ageMs, movedAtMs: nowMs - silentMs };
}

/** A usual piece of this rate, on a network where a piece takes a second. */
function at(bytesPerMs: number): UsualPiece {
  return { bytesPerMs, durationMs: 1000 };
}

describe('findTail', () => {
  it('takes over what lets both finish together', () => {
    // 1 MiB in 2 s by now, 4 MiB to go; the others are three times as fast.
    const slow = piece(0, 1 * MIB, 5 * MIB, { ageMs: 2000 });
    const tail = findTail([slow], at((3 * MIB) / 2000), nowMs);
    expect(tail?.victim).toBe(slow);
    expect(tail?.range).toEqual({ start: 5 * MIB - 3 * MIB, end: 5 * MIB });
  });

  it('chooses the piece that would be done last', () => {
    const fast = piece(0, 4 * MIB, 5 * MIB, { ageMs: 2000 });
    const slow = piece(5 * MIB, 6 * MIB, 10 * MIB, { ageMs: 2000 });
    const silent = piece(10 * MIB, 10 * MIB, 15 * MIB, { ageMs: 3000 });
    expect(findTail([fast, slow], undefined, nowMs)?.victim).toBe(slow);
    expect(findTail([fast, slow, silent], undefined, nowMs)?.victim).toBe(silent);
  });

  it('takes everything from a connection that has fallen silent, or is so slow that its share is not worth it', () => {
    const silent = piece(0, 3 * MIB, 5 * MIB, { ageMs: 3000, silentMs: 2000 });
    expect(findTail([silent], at(1000), nowMs)?.range).toEqual({ start: 3 * MIB, end: 5 * MIB });
    const crawling = piece(0, 20 * KIB, 5 * MIB, { ageMs: 2000 });
    expect(findTail([crawling], at((1000 * 20 * KIB) / 2000), nowMs)?.range.start).toBe(crawling.position);
    const nearlyDone = piece(0, 5 * MIB - 100, 5 * MIB, { ageMs: 9000, silentMs: 5000 });
    expect(findTail([nearlyDone], at(1000), nowMs)?.range).toEqual({ start: 5 * MIB - 100, end: 5 * MIB });
  });

  it('leaves a piece alone that will be done soon, is short, or has only begun', () => {
    const rate = at(MIB / 100);
    expect(findTail([piece(0, 4.9 * MIB, 5 * MIB, { ageMs: 2000 })], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 100 * KIB, 200 * KIB, { ageMs: 1000 })], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 10, 5 * MIB, { ageMs: 900 })], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 0, 5 * MIB, { ageMs: 1900 })], rate, nowMs)).toBeUndefined();
    expect(findTail([piece(0, 0, 5 * MIB, { ageMs: 2000 })], rate, nowMs)).toBeDefined();
    expect(findTail([], rate, nowMs)).toBeUndefined();
  });

  it('becomes more patient with every takeover, so that an outage is not answered with ever more requests', () => {
    const silentFor = (silentMs: number, takeovers: number) =>
      findTail([piece(0, 0, 5 * MIB, { ageMs: silentMs, takeovers })], at(1000), nowMs);
    expect(silentFor(2000, 0)).toBeDefined();
    expect(silentFor(3900, 1)).toBeUndefined();
    expect(silentFor(4000, 1)).toBeDefined();
    expect(silentFor(15_900, 3)).toBeUndefined();
    expect(silentFor(16_000, 3)).toBeDefined();
  });

  it('is quicker to judge where pieces are quick as a rule', () => {
    const begun = piece(0, 10 * KIB, 5 * MIB, { ageMs: 300 });
    expect(findTail([begun], { bytesPerMs: MIB / 20, durationMs: 100 }, nowMs)).toBeDefined();
    expect(findTail([begun], { bytesPerMs: MIB / 20, durationMs: 1000 }, nowMs)).toBeUndefined();
    const first = blend(undefined, piece(0, MIB, MIB, { ageMs: 100 }), nowMs);
    expect(first).toEqual({ bytesPerMs: MIB / 100, durationMs: 100 });
    expect(blend(first, piece(0, MIB, MIB, { ageMs: 200 }), nowMs).durationMs).toBeCloseTo(120);
  });

  it('does nothing while there is no rate to compare with', () => {
    expect(findTail([piece(0, 0, 5 * MIB, { ageMs: 9000 })], undefined, nowMs)).toBeUndefined();
  });

  it('takes a tail of the piece, never a byte that has come and never less than half of what is left in trifles', () => {
    const bytes = fc.integer({ min: 0, max: 20 * MIB });
    const times = fc.integer({ min: 0, max: 60_000 });
    fc.assert(
      fc.property(bytes, bytes, times, times, fc.integer({ min: 0, max: MIB }), (done, left, ageMs, silent, usual) => {
        const silentMs = Math.min(silent, ageMs);
        const victim = piece(1000, 1000 + done, 1000 + done + left, { ageMs, silentMs });
        const tail = findTail([victim], at(usual), nowMs);
        if (tail === undefined) return;
        expect(tail.range.end).toBe(victim.end);
        expect(tail.range.start).toBeGreaterThanOrEqual(victim.position);
        expect(tail.range.end - tail.range.start).toBeGreaterThanOrEqual(Math.min(256 * KIB, left / 2));
        expect(tail.range.start).toBeLessThan(tail.range.end);
      }),
    );
  });
});
