import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NetworkError } from '../../src/errors.js';
import type { Flow } from '../../src/transport/flow.js';
import { acquirePool, type OriginPool } from '../../src/transport/pool.js';
import { ok, type RawServer, ramp, rawServer } from './raw-server.js';
import { failureOf, startExchange } from './run-exchange.js';

let server: RawServer;
let pool: OriginPool;

async function serve(answer: Parameters<typeof rawServer>[0]): Promise<void> {
  server = await rawServer(answer);
  pool = acquirePool(server.origin, { connectMs: 2_000 });
}

afterEach(async () => {
  pool.release();
  await server.close();
});

const MiB = 1024 * 1024;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function pauseFor(flow: Flow, ms: number): void {
  flow.pause();
  setTimeout(() => flow.resume(), ms);
}

describe('a paused response', () => {
  it('stops the server, holds little, and goes on whole', async () => {
    const body = ramp(32 * MiB);
    let sender: Socket | undefined;
    await serve((socket) => {
      sender = socket;
      socket.write(ok(body));
    });
    let wasPaused = false;
    const { received, ended } = startExchange(pool.dispatcher, server.origin, {
      limits: { stallMs: 60 },
      onBytes: () => {
        if (!wasPaused) received.flow?.pause();
        wasPaused = true;
      },
    });
    await expect.poll(() => received.byteCount).toBeGreaterThan(0);
    await pause(45);
    const held = received.byteCount;
    const unsent = sender?.writableLength ?? 0;
    expect(held).toBeLessThan(MiB);
    // What was neither received nor is still with the server fills the kernel's buffers.
    expect(unsent).toBeGreaterThan(16 * MiB);
    // Twice the stall limit in all: a pause is no stall.
    await pause(45);
    await pause(45);
    expect(received.byteCount).toBe(held);
    received.flow?.resume();
    await ended;
    expect(Buffer.concat(received.chunks).equals(body)).toBe(true);
  });

  it('T139 a hundred times loses nothing and leaves the connection usable', async () => {
    const body = ramp(8 * MiB);
    await serve((socket) => socket.write(ok(body)));
    for (let round = 0; round < 2; round++) {
      let pauses = 0;
      const { received, ended } = startExchange(pool.dispatcher, server.origin, {
        onBytes: () => {
          if (pauses++ >= 100) return;
          received.flow?.pause();
          if (pauses % 2 === 0) received.flow?.resume();
          else setImmediate(() => received.flow?.resume());
        },
      });
      await ended;
      expect(pauses).toBeGreaterThan(10);
      expect(Buffer.concat(received.chunks).equals(body)).toBe(true);
    }
    expect(server.connectionCount).toBe(1);
  });

  for (const [title, head, byteCount] of [
    ['with a length and Connection: close', 'Content-Length: 300000\r\nConnection: close', 300_000],
    ['without a length', 'Connection: close', 300_000],
    ['HTTP/1.1 keep-alive', 'Content-Length: 300000', 300_000],
  ] as const) {
    it(`U1 ${title} and a FIN behind it neither crashes nor hangs nor loses a byte, 24 rounds`, async () => {
      const body = ramp(byteCount);
      await serve((socket) => socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), body])));
      const rounds = Array.from({ length: 24 }, async (_, round) => {
        let wasPaused = false;
        const { received, ended } = startExchange(pool.dispatcher, server.origin, {
          onHead: (_head, flow) => {
            if (round % 2 === 0) pauseFor(flow, 15);
          },
          onBytes: () => {
            if (!wasPaused && received.flow !== undefined) pauseFor(received.flow, 15);
            wasPaused = true;
          },
        });
        await ended;
        expect(Buffer.concat(received.chunks).equals(body)).toBe(true);
      });
      await Promise.all(rounds);
    });
  }

  it('U1 that is cut short fails after the bytes before the cut, 24 rounds', async () => {
    const body = ramp(100_000);
    await serve((socket) =>
      socket.end(ok(Buffer.concat([body, body]), 'Connection: close\r\n').subarray(0, -body.length)),
    );
    const rounds = Array.from({ length: 24 }, async () => {
      const { received, ended } = startExchange(pool.dispatcher, server.origin, {
        onHead: (_head, flow) => pauseFor(flow, 30),
      });
      expect(await failureOf(ended)).toBeInstanceOf(NetworkError);
      expect(Buffer.concat(received.chunks).equals(body)).toBe(true);
    });
    await Promise.all(rounds);
  });

  it('resumed from inside the data callback of another connection goes on (U2)', async () => {
    const body = ramp(4 * MiB);
    await serve((socket) => socket.write(ok(body)));
    let sleeper: ReturnType<typeof startExchange> | undefined;
    sleeper = startExchange(pool.dispatcher, server.origin, { onHead: (_head, flow) => flow.pause() });
    await expect.poll(() => sleeper?.received.flow).toBeDefined();
    const waker = startExchange(pool.dispatcher, server.origin, {
      onBytes: () => void sleeper?.received.flow?.resume(),
    });
    await Promise.all([waker.ended, sleeper.ended]);
    expect(Buffer.concat(sleeper.received.chunks).equals(body)).toBe(true);
    expect(Buffer.concat(waker.received.chunks).equals(body)).toBe(true);
  });

  it('is aborted at once', async () => {
    await serve((socket) => socket.write(ok(ramp(4 * MiB))));
    const controller = new AbortController();
    const { received, ended } = startExchange(pool.dispatcher, server.origin, {
      signal: controller.signal,
      onHead: (_head, flow) => flow.pause(),
    });
    await expect.poll(() => received.flow).toBeDefined();
    controller.abort('stop');
    expect(await failureOf(ended)).toBe('stop');
    await expect.poll(() => server.open.size).toBe(0);
  });
});
