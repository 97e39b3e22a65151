import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { afterPolling, monotonicMs } from '../src/time.js';

/** Takes the event loop for so many milliseconds. */
function spin(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('afterPolling', () => {
  it('runs after what waited in a socket while the loop was busy was read, with a time before that', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = await once(server, 'connection');
    let readAtMs: number | undefined;
    client.on('data', () => {
      readAtMs = monotonicMs();
    });
    // From here on timers come first, and sockets behind them.
    await turn();
    accepted.write('x');
    const running = new Promise<[askedAtMs: number, readAtMs: number | undefined]>((resolve) => {
      afterPolling(1, (askedAtMs) => resolve([askedAtMs, readAtMs]));
    });
    spin(20);
    const [askedAtMs, wasReadAtMs] = await running;
    expect(wasReadAtMs).toBeGreaterThanOrEqual(askedAtMs);
    client.destroy();
    accepted.destroy();
    server.close();
  });

  it('a turn that is busy after the question does not count: the time told is that of the question', async () => {
    const startedAtMs = monotonicMs();
    const askedAtMs = await new Promise<number>((resolve) => {
      afterPolling(5, resolve);
      // Due in the same turn of timers, and behind it.
      setTimeout(() => spin(60), 5);
    });
    expect(askedAtMs - startedAtMs).toBeGreaterThanOrEqual(4);
    expect(monotonicMs() - askedAtMs).toBeGreaterThanOrEqual(55);
  });

  it('never runs once it was stopped, also when only the poll was left to wait for', async () => {
    let ran = 0;
    const run = () => {
      ran += 1;
    };
    afterPolling(1, run).stop();
    const late = afterPolling(1, run);
    // A timer of the same delay that was set later comes behind it, and before the immediates.
    setTimeout(() => late.stop(), 1);
    await new Promise((resolve) => setTimeout(resolve, 15));
    await turn();
    expect(ran).toBe(0);
    late.stop();
  });
});
