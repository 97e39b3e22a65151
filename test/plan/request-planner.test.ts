import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { totalLength } from '../../src/byte-range.js';
import { planParts } from '../../src/plan/part-planner.js';
import { cutPieces, maxPieceBytes } from '../../src/plan/request-planner.js';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('cutPieces', () => {
  it('gives every byte of the parts from `after` on once, ascending, each piece within its part and the limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 0, max: 3500 }),
        (size, partSize, maxBytes, after) => {
          const parts = planParts({ start: 0, end: size }, { partSize });
          const pieces = [...cutPieces(parts, maxBytes, after)];
          let at = Math.min(after, size);
          for (const piece of pieces) {
            expect(piece.start).toBe(at);
            expect(piece.end).toBeGreaterThan(piece.start);
            expect(piece.end - piece.start).toBeLessThanOrEqual(maxBytes);
            expect(piece.start).toBeGreaterThanOrEqual(piece.part.start);
            expect(piece.end).toBeLessThanOrEqual(piece.part.end);
            at = piece.end;
          }
          expect(totalLength(pieces)).toBe(Math.max(0, size - after));
        },
      ),
    );
  });

  it('cuts a part into pieces of about one size', () => {
    const pieces = [...cutPieces([{ index: 0, start: 0, end: 101 }], 100)];
    expect(pieces.map(({ start, end }) => end - start)).toEqual([51, 50]);
  });

  it('takes the parts one by one, so that a plan of a million is never held', () => {
    let taken = 0;
    const parts = (function* () {
      for (let index = 0; ; index += 1) {
        taken += 1;
        yield { index, start: index * 10, end: index * 10 + 10 };
      }
    })();
    const pieces = cutPieces(parts, 10);
    for (let index = 0; index < 3; index += 1) pieces.next();
    expect(taken).toBe(3);
  });
});

describe('maxPieceBytes', () => {
  it('shares the budget among the connections', () => {
    expect(maxPieceBytes(128 * MIB, 20)).toBe(Math.floor((128 * MIB) / 20));
    expect(maxPieceBytes(128 * MIB, 1)).toBe(128 * MIB);
  });

  it('is 256 KiB where the share would be less, and never more than the budget', () => {
    expect(maxPieceBytes(8 * MIB, 1000)).toBe(256 * KIB);
    expect(maxPieceBytes(64 * KIB, 20)).toBe(64 * KIB);
  });
});
