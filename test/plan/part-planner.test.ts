import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteRange, normalizeRanges, subtractRanges, totalLength } from '../../src/byte-range.js';
import { InvalidOptionError } from '../../src/errors.js';
import { choosePartSize, createPartPlan, planParts } from '../../src/plan/part-planner.js';

const MIB = 1024 * 1024;
const TIB = 1024 ** 4;

const offset = fc.integer({ min: 0, max: 5000 });
const range = fc.tuple(offset, offset).map(([a, b]): ByteRange => ({ start: Math.min(a, b), end: Math.max(a, b) }));

describe('planParts', () => {
  it('covers the range minus what is complete, ascending, without overlap, each part within partSize', () => {
    fc.assert(
      fc.property(
        range,
        fc.array(range, { maxLength: 8 }),
        fc.integer({ min: 1, max: 700 }),
        (wanted, done, partSize) => {
          const parts = planParts(wanted, { partSize, completed: done });
          expect(normalizeRanges(parts)).toEqual(subtractRanges(wanted, done));
          let end = 0;
          for (const [index, part] of parts.entries()) {
            expect(part.index).toBe(index);
            expect(part.start).toBeGreaterThanOrEqual(end);
            expect(part.end).toBeGreaterThan(part.start);
            expect(part.end - part.start).toBeLessThanOrEqual(partSize);
            end = part.end;
          }
          expect(totalLength(parts)).toBe(totalLength(subtractRanges(wanted, done)));
          expect(createPartPlan(wanted, { partSize, completed: done }).count).toBe(parts.length);
        },
      ),
    );
  });

  it('plans nothing for an empty range and for one that is complete', () => {
    expect(planParts({ start: 0, end: 0 }, { partSize: 4 })).toEqual([]);
    expect(planParts({ start: 5, end: 9 }, { partSize: 4, completed: [{ start: 0, end: 100 }] })).toEqual([]);
  });

  it('begins parts at the gaps, not at multiples of partSize', () => {
    expect(planParts({ start: 0, end: 10 }, { partSize: 4, completed: [{ start: 2, end: 6 }] })).toEqual([
      { index: 0, start: 0, end: 2 },
      { index: 1, start: 6, end: 10 },
    ]);
  });

  it('refuses what is not a range, naming the option', () => {
    const optionOf = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return error instanceof InvalidOptionError ? error.option : error;
      }
      return undefined;
    };
    expect(optionOf(() => planParts({ start: -1, end: 4 }, { partSize: 1 }))).toBe('range.start');
    expect(optionOf(() => planParts({ start: 0.5, end: 4 }, { partSize: 1 }))).toBe('range.start');
    expect(optionOf(() => planParts(undefined as unknown as ByteRange, { partSize: 1 }))).toBe('range.start');
    expect(optionOf(() => planParts({ start: 4, end: 3 }, { partSize: 1 }))).toBe('range.end');
    expect(optionOf(() => planParts({ start: 0, end: 2 ** 53 }, { partSize: 1 }))).toBe('range.end');
    expect(optionOf(() => planParts({ start: 0, end: 4 }, { partSize: 0 }))).toBe('partSize');
    expect(optionOf(() => planParts({ start: 0, end: 4 }, { partSize: Number.NaN }))).toBe('partSize');
    expect(optionOf(() => planParts({ start: 0, end: 4 }, undefined as unknown as { partSize: number }))).toBe(
      'partSize',
    );
    const completed = [{ start: 3, end: 1 }];
    expect(optionOf(() => planParts({ start: 0, end: 4 }, { partSize: 1, completed }))).toBe('completed');
  });
});

describe('createPartPlan', () => {
  it('plans 1 TiB with a thousand gaps in milliseconds, and holds no part (T151)', () => {
    const completed = Array.from({ length: 1000 }, (_, index) => ({
      start: index * 1024 * MIB,
      end: index * 1024 * MIB + 3 * MIB,
    }));
    const before = performance.now();
    const plan = createPartPlan({ start: 0, end: TIB }, { partSize: 102_400, completed });
    const [first] = plan;
    const elapsedMs = performance.now() - before;
    expect(first).toEqual({ index: 0, start: 3 * MIB, end: 3 * MIB + 102_400 });
    expect(plan.count).toBeGreaterThan(10_000_000);
    expect(elapsedMs).toBeLessThan(100);
  });

  it('can be walked more than once', () => {
    const plan = createPartPlan({ start: 0, end: 10 }, { partSize: 4 });
    expect([...plan]).toEqual([...plan]);
    expect([...plan]).toHaveLength(plan.count);
  });
});

describe('choosePartSize', () => {
  it('is 5 MiB, and larger where a plan would have more than 10,000 parts', () => {
    expect(choosePartSize(0)).toBe(5 * MIB);
    expect(choosePartSize(5 * MIB * 10_000)).toBe(5 * MIB);
    for (const bytes of [5 * MIB * 10_000 + 1, TIB, 48.8 * TIB]) {
      expect(Math.ceil(bytes / choosePartSize(bytes))).toBeLessThanOrEqual(10_000);
    }
  });
});
