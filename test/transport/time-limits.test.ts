import { afterEach, describe, expect, it } from 'vitest';
import { TimeoutError } from '../../src/errors.js';
import { acquirePool, type OriginPool } from '../../src/transport/pool.js';
import { ok, type RawServer, ramp, rawServer } from './raw-server.js';
import { failureOf, runExchange } from './run-exchange.js';

let server: RawServer;
let pool: OriginPool;

async function serve(answer: Parameters<typeof rawServer>[0]): Promise<void> {
  server = await rawServer(answer);
  pool = acquirePool(server.origin, { connectMs: 2_000 });
}

async function phaseOf(limits: object): Promise<unknown> {
  const startedMs = performance.now();
  const error = await failureOf(runExchange(pool.dispatcher, server.origin, { limits }));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(performance.now() - startedMs).toBeLessThan(400);
  await expect.poll(() => server.open.size).toBe(0);
  return (error as TimeoutError).phase;
}

afterEach(async () => {
  pool.release();
  await server.close();
});

describe('an answer that does not come in time', () => {
  it('no head at all: headers', async () => {
    await serve(() => {});
    expect(await phaseOf({ headersMs: 80 })).toBe('headers');
  });

  it('T055 a head that trickles is not saved by its bytes', async () => {
    await serve((socket) => {
      let at = 0;
      const head = ok(ramp(10)).subarray(0, 30);
      const timer = setInterval(() => socket.write(head.subarray(at, ++at)), 10);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await phaseOf({ headersMs: 80 })).toBe('headers');
  });

  it('U7 endless 103 answers do not prolong it', async () => {
    await serve((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 10);
      socket.on('close', () => clearInterval(timer));
    });
    expect(await phaseOf({ headersMs: 80 })).toBe('headers');
  });

  it('T014 a body that stops: stall', async () => {
    await serve((socket) => socket.write(ok(ramp(1000)).subarray(0, 500)));
    expect(await phaseOf({ stallMs: 80 })).toBe('stall');
  });

  it('a slow body that goes on is not a stall', async () => {
    await serve((socket) => {
      const bytes = ok(ramp(10));
      let at = bytes.length - 10;
      socket.write(bytes.subarray(0, at));
      const timer = setInterval(() => {
        socket.write(bytes.subarray(at, at + 1));
        at++;
        if (at === bytes.length) clearInterval(timer);
      }, 30);
    });
    const { byteCount } = await runExchange(pool.dispatcher, server.origin, { limits: { stallMs: 150 } });
    expect(byteCount).toBe(10);
  });
});
