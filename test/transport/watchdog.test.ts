import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TimeoutError } from '../../src/errors.js';
import { type ExchangeLimits, Watchdog } from '../../src/transport/watchdog.js';

const limits: ExchangeLimits = { headersMs: 15_000, stallMs: 20_000, minBytesPerSecond: 1024 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function watch(changed: Partial<ExchangeLimits> = {}) {
  const errors: TimeoutError[] = [];
  const watchdog = new Watchdog({ ...limits, ...changed }, (error) => errors.push(error));
  return { watchdog, errors };
}

describe('the headers limit', () => {
  it('runs out once, not before its time and within half a second after it', () => {
    const { errors } = watch();
    vi.advanceTimersByTime(14_900);
    expect(errors).toEqual([]);
    vi.advanceTimersByTime(600);
    expect(errors.map(({ phase }) => phase)).toEqual(['headers']);
    vi.advanceTimersByTime(60_000);
    expect(errors).toHaveLength(1);
  });

  it('counts from the request, not from the start of connecting', () => {
    const { watchdog, errors } = watch();
    vi.advanceTimersByTime(9_000);
    watchdog.requestSent();
    vi.advanceTimersByTime(14_000);
    expect(errors).toEqual([]);
  });
});

describe('the stall limit', () => {
  it('runs out when no byte comes', () => {
    const { watchdog, errors } = watch({ minBytesPerSecond: 0 });
    watchdog.headArrived();
    vi.advanceTimersByTime(19_000);
    watchdog.bytesArrived(1);
    vi.advanceTimersByTime(19_900);
    expect(errors).toEqual([]);
    vi.advanceTimersByTime(1_200);
    expect(errors.map(({ phase }) => phase)).toEqual(['stall']);
  });

  it('stands still while reading is paused', () => {
    const { watchdog, errors } = watch();
    watchdog.headArrived();
    watchdog.pause();
    vi.advanceTimersByTime(600_000);
    watchdog.resume();
    vi.advanceTimersByTime(9_000);
    expect(errors).toEqual([]);
  });

  it('is not charged for a process that was busy or asleep', () => {
    const { watchdog, errors } = watch({ minBytesPerSecond: 0 });
    watchdog.headArrived();
    vi.advanceTimersByTime(5_000);
    // The clock jumps without one tick, as after a blocked event loop or a suspend.
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 600_000);
    vi.advanceTimersByTime(10_000);
    expect(errors).toEqual([]);
    vi.restoreAllMocks();
  });
});

describe('the least rate', () => {
  function trickle(bytesPerSecond: number, minBytesPerSecond: number) {
    const { watchdog, errors } = watch({ minBytesPerSecond });
    watchdog.headArrived();
    for (let second = 0; second < 25; second++) {
      watchdog.bytesArrived(bytesPerSecond);
      vi.advanceTimersByTime(1_000);
    }
    watchdog.stop();
    return errors;
  }

  it('T016 gives up what is slower over 10 s of reading', () => {
    const [error] = trickle(1_000, 1_024);
    expect(error?.phase).toBe('stall');
    expect(error?.message).toContain('slower than 1024');
  });

  it('leaves alone what is not', () => {
    expect(trickle(1_100, 1_024)).toEqual([]);
  });

  it('0 is off', () => {
    expect(trickle(1, 0)).toEqual([]);
  });
});
