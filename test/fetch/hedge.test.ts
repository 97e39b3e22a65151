import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blend, findTail, type UsualPiece } from '../../src/fetch/hedge.js';
import { movePiece, type PieceProgress, rateOf, startPiece } from '../../src/fetch/piece-progress.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const nowMs = 100_000;

interface Circumstances {
  readonly ageMs: number;
  readonly silentMs?: number;
  readonly givenUp?: number;
  /** Its first byte came so long after the request. */
  readonly firstByteMs?: number;
}

function piece(start: number, position: number, end: number, circumstances: Circumstances): PieceProgress {
  const { ageMs, silentMs = position > start ? 0 : ageMs, givenUp = 0, firstByteMs = 0 } = circumstances;
  const begun = startPiece({ index: 0, start, end }, start, end);
  const startedAtMs = nowMs - ageMs;
  const first = position > start ? { atMs: startedAtMs + firstByteMs, position: start } : undefined;
  return { ...begun, givenUp, position, startedAtMs, first, movedAtMs: nowMs - silentMs };
}

/** A usual piece of this rate, on a network where a piece takes a second. */
function at(bytesPerMs: number, firstByteMs: number = 0): UsualPiece {
  return { bytesPerMs, durationMs: 1000, firstByteMs };
}

/** What a connection that is known for nothing would take. */
function tailFor(active: PieceProgress[], usual: UsualPiece | undefined) {
  return findTail(active, usual, undefined, nowMs);
}

describe('findTail', () => {
  it('takes over what lets both finish together', () => {
    // 1 MiB in 2 s by now, 4 MiB to go; the others are three times as fast.
    const slow = piece(0, 1 * MIB, 5 * MIB, { ageMs: 2000 });
    const tail = tailFor([slow], at((3 * MIB) / 2000));
    expect(tail?.victim).toBe(slow);
    expect(tail?.range).toEqual({ start: 5 * MIB - 3 * MIB, end: 5 * MIB });
  });

  it('takes less the longer the first byte is waited for, and the slower the connection is that takes it', () => {
    // After the first byte 1 MiB per s came. The other one begins 1 s later, when 3 MiB are left.
    const slow = piece(0, 1 * MIB, 5 * MIB, { ageMs: 2000, firstByteMs: 1000 });
    const rate = MIB / 1000;
    expect(tailFor([slow], at(rate, 1000))?.range.start).toBe(5 * MIB - 1.5 * MIB);
    expect(findTail([slow], at(rate), rate, nowMs)?.range.start).toBe(5 * MIB - 2 * MIB);
    expect(findTail([slow], at(rate), 3 * rate, nowMs)?.range.start).toBe(5 * MIB - 3 * MIB);
    expect(findTail([slow], at(rate), rate / 100, nowMs)).toBeUndefined();
  });

  it('chooses the piece that would be done last', () => {
    const fast = piece(0, 4 * MIB, 5 * MIB, { ageMs: 2000 });
    const slow = piece(5 * MIB, 6 * MIB, 10 * MIB, { ageMs: 2000 });
    const silent = piece(10 * MIB, 10 * MIB, 15 * MIB, { ageMs: 3000 });
    expect(tailFor([fast, slow], undefined)?.victim).toBe(slow);
    expect(tailFor([fast, slow, silent], undefined)?.victim).toBe(silent);
  });

  it('chooses another one when the last has nothing that is worth it', () => {
    const crumb = piece(0, 5 * MIB - 10 * KIB, 5 * MIB, { ageMs: 150_000 });
    const slow = piece(5 * MIB, 7.5 * MIB, 10 * MIB, { ageMs: 230 });
    const rate = (2.5 * MIB) / 230;
    expect(rateOf(crumb, nowMs)).toBeLessThan(rate);
    expect(findTail([crumb, slow], { ...at(rate), durationMs: 400 }, rate, nowMs)?.victim).toBe(slow);
  });

  it('takes everything from a connection that has fallen silent, or is so slow that its share is not worth it', () => {
    const silent = piece(0, 3 * MIB, 5 * MIB, { ageMs: 3000, silentMs: 2000 });
    expect(tailFor([silent], at(1000))?.range).toEqual({ start: 3 * MIB, end: 5 * MIB });
    const crawling = piece(0, 20 * KIB, 5 * MIB, { ageMs: 2000 });
    expect(tailFor([crawling], at((1000 * 20 * KIB) / 2000))?.range.start).toBe(crawling.position);
    const nearlyDone = piece(0, 5 * MIB - 100, 5 * MIB, { ageMs: 9000, silentMs: 5000 });
    expect(tailFor([nearlyDone], at(1000))?.range).toEqual({ start: 5 * MIB - 100, end: 5 * MIB });
  });

  it('takes a short tail only when that saves much', () => {
    const almost = (leftBytes: number) => piece(0, 5 * MIB - leftBytes, 5 * MIB, { ageMs: 20_000 });
    // 256 KiB/s: 400 ms are left, which another connection needs only a moment for.
    expect(tailFor([almost(100 * KIB)], at(MIB / 10))?.range.start).toBe(5 * MIB - 100 * KIB);
    expect(tailFor([almost(50 * KIB)], at(MIB / 10))).toBeUndefined();
  });

  it('leaves a piece alone that will be done soon, or has only begun, or where a request takes longer', () => {
    const rate = at(MIB / 100);
    expect(tailFor([piece(0, 4.9 * MIB, 5 * MIB, { ageMs: 2000 })], rate)).toBeUndefined();
    expect(tailFor([piece(0, 10, 5 * MIB, { ageMs: 240 })], rate)).toBeUndefined();
    expect(tailFor([piece(0, 10, 5 * MIB, { ageMs: 250 })], rate)).toBeDefined();
    expect(tailFor([piece(0, 0, 5 * MIB, { ageMs: 1900 })], rate)).toBeUndefined();
    expect(tailFor([piece(0, 0, 5 * MIB, { ageMs: 2000 })], rate)).toBeDefined();
    const aSecondLeft = piece(0, 4 * MIB, 5 * MIB, { ageMs: 4000 });
    expect(tailFor([aSecondLeft], at(MIB / 1000, 200))).toBeDefined();
    expect(tailFor([aSecondLeft], at(MIB / 1000, 500))).toBeUndefined();
    expect(tailFor([], rate)).toBeUndefined();
  });

  it('leaves a piece alone whose connection is held by the receiver', () => {
    const held = { ...piece(0, MIB, 5 * MIB, { ageMs: 9000, silentMs: 5000 }), heldSinceMs: nowMs - 5000 };
    expect(tailFor([held], at(1000))).toBeUndefined();
  });

  it('becomes more patient with every connection given up, so that an outage is not answered with ever more requests', () => {
    const silentFor = (silentMs: number, givenUp: number) =>
      tailFor([piece(0, 0, 5 * MIB, { ageMs: silentMs, givenUp })], at(1000));
    expect(silentFor(2000, 0)).toBeDefined();
    expect(silentFor(3900, 1)).toBeUndefined();
    expect(silentFor(4000, 1)).toBeDefined();
    expect(silentFor(15_900, 3)).toBeUndefined();
    expect(silentFor(16_000, 3)).toBeDefined();
    const slowFor = (ageMs: number, givenUp: number) => tailFor([piece(0, KIB, 5 * MIB, { ageMs, givenUp })], at(1000));
    expect(slowFor(250, 0)).toBeDefined();
    expect(slowFor(1990, 3)).toBeUndefined();
    expect(slowFor(2000, 3)).toBeDefined();
  });

  it('is quicker to judge where pieces are quick as a rule', () => {
    const begun = piece(0, 10 * KIB, 5 * MIB, { ageMs: 120 });
    expect(tailFor([begun], { ...at(MIB / 20), durationMs: 100 })).toBeDefined();
    expect(tailFor([begun], { ...at(MIB / 20), durationMs: 1000 })).toBeUndefined();
  });

  it('does nothing while there is no rate to compare with', () => {
    expect(tailFor([piece(0, 0, 5 * MIB, { ageMs: 9000 })], undefined)).toBeUndefined();
  });

  it('takes a tail of the piece, never a byte that has come, and leaves no crumbs', () => {
    const bytes = fc.integer({ min: 0, max: 20 * MIB });
    const times = fc.integer({ min: 0, max: 60_000 });
    fc.assert(
      fc.property(bytes, bytes, times, times, fc.integer({ min: 0, max: MIB }), (done, left, ageMs, silent, usual) => {
        const silentMs = Math.min(silent, ageMs);
        const victim = piece(1000, 1000 + done, 1000 + done + left, { ageMs, silentMs });
        const tail = tailFor([victim], at(usual));
        if (tail === undefined) return;
        expect(tail.range.end).toBe(victim.end);
        expect(tail.range.start).toBeGreaterThanOrEqual(victim.position);
        expect(tail.range.start).toBeLessThan(tail.range.end);
        if (tail.range.start > victim.position) {
          expect(tail.range.start - victim.position).toBeGreaterThanOrEqual(256 * KIB);
        }
      }),
    );
  });
});

describe('blend', () => {
  it('weighs the latest piece with a fifth, and leaves out one that brought nothing', () => {
    const first = blend(undefined, piece(0, MIB, MIB, { ageMs: 100, firstByteMs: 50 }), nowMs);
    expect(first).toEqual({ bytesPerMs: MIB / 50, durationMs: 100, firstByteMs: 50 });
    const second = blend(first, piece(0, MIB, MIB, { ageMs: 200, firstByteMs: 100 }), nowMs);
    expect(second?.durationMs).toBeCloseTo(120);
    expect(second?.firstByteMs).toBeCloseTo(60);
    expect(blend(first, piece(0, 0, MIB, { ageMs: 5000 }), nowMs)).toBe(first);
    expect(blend(undefined, piece(0, 0, MIB, { ageMs: 5000 }), nowMs)).toBeUndefined();
  });

  it('takes the rate of a piece that came at once from all of its time', () => {
    const short = { ...piece(0, MIB, MIB, { ageMs: 100 }), first: { atMs: nowMs, position: MIB } };
    expect(blend(undefined, short, nowMs)?.bytesPerMs).toBe(MIB / 100);
  });
});

describe('rateOf', () => {
  it('begins with the first bytes and leaves out the time that the receiver held the connection', () => {
    const begun = startPiece({ index: 0, start: 0, end: MIB }, 0, MIB);
    expect(rateOf(begun, nowMs)).toBeUndefined();
    movePiece(begun, 1000);
    movePiece(begun, 3000);
    const atMs = begun.first?.atMs ?? Number.NaN;
    expect(begun.first?.position).toBe(1000);
    expect(rateOf({ ...begun, heldMs: 70 }, atMs + 100)).toBeCloseTo(100);
    expect(rateOf({ ...begun, heldSinceMs: atMs + 30 }, atMs + 100)).toBeCloseTo(100);
  });
});
