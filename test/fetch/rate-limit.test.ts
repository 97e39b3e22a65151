import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRateLimit, type RateLimit } from '../../src/fetch/rate-limit.js';

/** What the connection that brought these bytes has to wait. */
function pauseAfter(limit: RateLimit, byteCount: number): number {
  limit.spend(byteCount);
  return limit.pauseMs();
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('createRateLimit', () => {
  it('asks each connection to wait until the limit allows what has arrived', () => {
    const limit = createRateLimit(1000);
    expect(pauseAfter(limit, 500)).toBe(500);
    expect(pauseAfter(limit, 500)).toBe(1000);
    vi.advanceTimersByTime(1000);
    expect(limit.pauseMs()).toBe(0);
  });

  it('holds the rate over a long time, whatever the chunks', () => {
    const limit = createRateLimit(100_000);
    const startMs = performance.now();
    let bytes = 0;
    for (let index = 0; index < 300; index += 1) {
      const chunk = 1 + ((index * 7919) % 20_000);
      bytes += chunk;
      vi.advanceTimersByTime(pauseAfter(limit, chunk));
    }
    const elapsedMs = performance.now() - startMs;
    expect(elapsedMs).toBeGreaterThan((bytes / 100_000) * 1000 - 150);
    expect(elapsedMs).toBeLessThan((bytes / 100_000) * 1000 + 150);
  });

  it('lets what was not used for a while pass in a burst of 100 ms, no more', () => {
    const limit = createRateLimit(1000);
    vi.advanceTimersByTime(60_000);
    expect(pauseAfter(limit, 100)).toBe(0);
    expect(pauseAfter(limit, 100)).toBeCloseTo(100);
  });
});
