import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { followAbort } from '../src/follow-abort.js';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('followAbort', () => {
  it('puts one listener on the signal for all followers, and none once the last has left', () => {
    const { signal } = new AbortController();
    const unfollows = Array.from({ length: 30 }, () => followAbort(signal, () => {}));
    expect(listeners(signal)).toBe(1);
    for (const unfollow of unfollows.slice(1)) unfollow();
    expect(listeners(signal)).toBe(1);
    unfollows[0]?.();
    expect(listeners(signal)).toBe(0);
  });

  it('calls each follower once, in the order they came, and leaves nothing behind', () => {
    const controller = new AbortController();
    const called: string[] = [];
    for (const name of ['a', 'b', 'c']) followAbort(controller.signal, () => called.push(name));
    controller.abort();
    controller.abort();
    expect(called).toEqual(['a', 'b', 'c']);
    expect(listeners(controller.signal)).toBe(0);
  });

  it('calls a follower twice that follows twice, and once when one of the two has left', () => {
    for (const [leaves, calls] of [
      [false, 2],
      [true, 1],
    ] as const) {
      const controller = new AbortController();
      let called = 0;
      const onAbort = () => {
        called += 1;
      };
      followAbort(controller.signal, onAbort);
      const unfollow = followAbort(controller.signal, onAbort);
      if (leaves) unfollow();
      controller.abort();
      expect(called).toBe(calls);
    }
  });

  it('may be left any number of times: others who came meanwhile stay', () => {
    const controller = new AbortController();
    const unfollow = followAbort(controller.signal, () => {});
    unfollow();
    let called = 0;
    followAbort(controller.signal, () => {
      called += 1;
    });
    unfollow();
    unfollow();
    followAbort(controller.signal, () => {
      called += 1;
    });
    expect(listeners(controller.signal)).toBe(1);
    controller.abort();
    expect(called).toBe(2);
    unfollow();
  });

  it('calls at once where the signal has aborted, and nobody for no signal', () => {
    let called = 0;
    const onAbort = () => {
      called += 1;
    };
    const signal = AbortSignal.abort();
    followAbort(signal, onAbort)();
    expect(called).toBe(1);
    expect(listeners(signal)).toBe(0);
    followAbort(undefined, onAbort)();
    expect(called).toBe(1);
  });

  it('does not call who was left by another while they were being called', () => {
    const controller = new AbortController();
    const called: string[] = [];
    const unfollows: (() => void)[] = [];
    for (const name of ['a', 'b', 'c']) {
      const onAbort = () => {
        called.push(name);
        for (const unfollow of unfollows) unfollow();
      };
      unfollows.push(followAbort(controller.signal, onAbort));
    }
    controller.abort();
    expect(called).toEqual(['a']);
  });

  it('calls at once who comes while the others are being called', () => {
    const controller = new AbortController();
    const called: string[] = [];
    followAbort(controller.signal, () => {
      followAbort(controller.signal, () => called.push('late'));
      called.push('first');
    });
    followAbort(controller.signal, () => called.push('second'));
    controller.abort();
    expect(called).toEqual(['late', 'first', 'second']);
    expect(listeners(controller.signal)).toBe(0);
  });

  it('calls the others although one throws, and what it threw is not lost', async () => {
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const uncaught: unknown[] = [];
    const onUncaught = (error: unknown) => void uncaught.push(error);
    process.on('uncaughtException', onUncaught);
    try {
      const controller = new AbortController();
      const failures = [new Error('first'), new Error('second')];
      let called = 0;
      for (const failure of failures) {
        followAbort(controller.signal, () => {
          throw failure;
        });
        followAbort(controller.signal, () => {
          called += 1;
        });
      }
      controller.abort();
      expect(called).toBe(2);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(uncaught).toEqual(failures);
    } finally {
      process.off('uncaughtException', onUncaught);
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});
