import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { acquirePool } from '../../src/transport/pool.js';
import { ok, type RawServer, ramp, rawServer } from './raw-server.js';
import { runExchange } from './run-exchange.js';

let server: RawServer | undefined;
afterEach(async () => {
  vi.useRealTimers();
  await server?.close();
  server = undefined;
});

describe('a pool', () => {
  it('is shared by equal settings and by no others', () => {
    const origin = 'http://127.0.0.1:9';
    const pools = [
      acquirePool(origin, { connectMs: 1000 }),
      acquirePool(origin, { connectMs: 1000, tls: {} }),
      acquirePool(origin, { connectMs: 2000 }),
      acquirePool(origin, { connectMs: 1000, tls: { insecure: true } }),
      acquirePool('http://127.0.0.1:10', { connectMs: 1000 }),
    ];
    const [first, same, ...others] = pools.map(({ dispatcher }) => dispatcher);
    expect(same).toBe(first);
    expect(new Set(others).size).toBe(3);
    expect(others).not.toContain(first);
    for (const pool of pools) pool.release();
  });

  it('keeps its connections for the next download, and drops them shortly after the last has let go', async () => {
    server = await rawServer((socket) => socket.write(ok(ramp(10))));
    const open = () => acquirePool(server?.origin ?? '', { connectMs: 1000 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const first = open();
    await runExchange(first.dispatcher, server.origin);
    first.release();
    first.release();
    vi.advanceTimersByTime(3_900);
    const second = open();
    expect(second.dispatcher).toBe(first.dispatcher);
    vi.advanceTimersByTime(60_000);
    await runExchange(second.dispatcher, server.origin);
    second.release();
    vi.advanceTimersByTime(4_100);
    vi.useRealTimers();
    await expect.poll(() => server?.open.size).toBe(0);
    const third = open();
    expect(third.dispatcher).not.toBe(first.dispatcher);
    third.release();
  });

  it('stays as long as one of its holders has not let go', async () => {
    server = await rawServer((socket) => socket.write(ok(ramp(10))));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const [one, other] = [1, 2].map(() => acquirePool(server?.origin ?? '', { connectMs: 1000 }));
    one?.release();
    one?.release();
    vi.advanceTimersByTime(60_000);
    if (other === undefined) throw new Error('no pool');
    expect((await runExchange(other.dispatcher, server.origin)).byteCount).toBe(10);
    other.release();
  });

  it('T056 opens no more connections than there are requests at once, also when the server closes after each', async () => {
    server = await rawServer((socket) => socket.end(ok(ramp(10_000), 'Connection: close\r\n')));
    const { origin, open } = server;
    const pool = acquirePool(origin, { connectMs: 1000 });
    let most = 0;
    const worker = async () => {
      for (let round = 0; round < 10; round++) {
        await runExchange(pool.dispatcher, origin, {
          onHead: () => {
            most = Math.max(most, open.size);
          },
        });
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    pool.release();
    expect(server.requestCount).toBe(80);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('reuses its connections: 8 workers of 20 requests each use 8', async () => {
    server = await rawServer((socket) => socket.write(ok(ramp(10_000))));
    const { origin } = server;
    const pool = acquirePool(origin, { connectMs: 1000 });
    const worker = async () => {
      for (let round = 0; round < 20; round++) await runExchange(pool.dispatcher, origin);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    pool.release();
    expect(server.connectionCount).toBe(8);
  });

  it('lets the process exit by itself after a download, within a second and without a warning', async () => {
    server = await rawServer((socket) => socket.write(ok(ramp(1_000_000))));
    const script = fileURLToPath(new URL('./download-and-exit.ts', import.meta.url));
    const flags = ['--unhandled-rejections=strict', '--throw-deprecation', '--import', 'tsx'];
    const child = spawn(process.execPath, [...flags, script, server.origin], { stdio: ['ignore', 'pipe', 'pipe'] });
    let endedMs = 0;
    let output = '';
    child.stdout.on('data', (bytes) => {
      output += bytes;
      endedMs = performance.now();
    });
    child.stderr.on('data', (bytes) => {
      output += bytes;
    });
    const [code] = await once(child, 'close');
    expect(output).toBe('1000000\n');
    expect(code).toBe(0);
    expect(performance.now() - endedMs).toBeLessThan(1000);
  });
});
