import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Progress } from '../src/events.js';
import { startProgressMeter } from '../src/progress-meter.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watch(totalBytes = 1000) {
  const state = { transferred: 0, completed: 0, total: totalBytes };
  const seen: Progress[] = [];
  const meter = startProgressMeter(
    {
      transferredBytes: () => state.transferred,
      completedBytes: () => state.completed,
      totalBytes: () => state.total,
    },
    (progress) => seen.push(progress),
  );
  return { state, seen, meter };
}

describe('startProgressMeter', () => {
  it('tells at most every 100 ms how far it is, and once at the end', () => {
    const { state, seen, meter } = watch();
    for (let step = 1; step <= 25; step += 1) {
      state.transferred = state.completed = step * 40;
      vi.advanceTimersByTime(10);
    }
    expect(seen).toHaveLength(2);
    meter.finish();
    expect(seen).toHaveLength(3);
    expect(seen.at(-1)).toMatchObject({ completedBytes: 1000, totalBytes: 1000, etaSeconds: 0 });
    vi.advanceTimersByTime(1000);
    expect(seen).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('never goes back and never beyond the total (T138)', () => {
    const { state, seen } = watch();
    for (const completed of [200, 500, 300, 1200, 900]) {
      state.completed = completed;
      vi.advanceTimersByTime(100);
    }
    expect(seen.map(({ completedBytes }) => completedBytes)).toEqual([200, 500, 500, 1000, 1000]);
  });

  it('gives the rate of the last seconds and the time that is left at it', () => {
    const { state, seen } = watch(10_000);
    for (let step = 0; step < 60; step += 1) {
      state.transferred += step < 20 ? 0 : 50;
      state.completed = state.transferred;
      vi.advanceTimersByTime(100);
    }
    expect(seen[10]).toMatchObject({ bytesPerSecond: 0, etaSeconds: Number.POSITIVE_INFINITY });
    const last = seen.at(-1);
    expect(last?.bytesPerSecond).toBe(500);
    expect(last?.etaSeconds).toBeCloseTo((10_000 - 2000) / 500);
  });

  it('counts bytes without a total while the size is unknown', () => {
    const { state, seen, meter } = watch(Number.NaN);
    state.completed = state.transferred = 300;
    vi.advanceTimersByTime(100);
    expect(seen[0]).toMatchObject({ completedBytes: 300, totalBytes: Number.NaN, etaSeconds: Number.NaN });
    state.total = 300;
    meter.finish();
    expect(seen.at(-1)).toMatchObject({ completedBytes: 300, totalBytes: 300, etaSeconds: 0 });
  });

  it('says nothing more after stop()', () => {
    const { seen, meter } = watch();
    meter.stop();
    vi.advanceTimersByTime(1000);
    expect(seen).toEqual([]);
  });
});
