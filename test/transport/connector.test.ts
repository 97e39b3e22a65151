import net, { type LookupFunction } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NetworkError, TimeoutError } from '../../src/errors.js';
import { type ConnectorOptions, createConnector } from '../../src/transport/connector.js';
import { acquirePool } from '../../src/transport/pool.js';
import type { SlabSocket } from '../../src/transport/slab-socket.js';
import { ok, type RawServer, ramp, rawServer } from './raw-server.js';
import { failureOf, runExchange, startExchange } from './run-exchange.js';

let server: RawServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

function connect(options: ConnectorOptions, port: number | string, hostname = 'store.test', protocol = 'http:') {
  return new Promise<SlabSocket>((resolve, reject) => {
    createConnector(options)({ hostname, protocol, port: String(port) }, (error, socket) => {
      if (error === null) resolve(socket);
      else reject(error);
    });
  });
}

/** A port that nothing listens on. */
async function closedPort(): Promise<number> {
  const probe = await rawServer(() => {});
  await probe.close();
  return probe.port;
}

describe('connecting', () => {
  it('T019 goes on to the address that works when the first one does not (autoSelectFamily)', async () => {
    server = await rawServer(() => {});
    const lookup = ((_host, _options, answer) =>
      answer(null, [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ])) as LookupFunction;
    const startedMs = performance.now();
    const socket = await connect({ connectMs: 2_000, lookup }, server.port);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    socket.destroy();
  });

  it('T012 fails with the code of the name lookup', async () => {
    const lookup = ((_host, _options, answer) =>
      answer(
        Object.assign(new Error('getaddrinfo EAI_AGAIN store.test'), { code: 'EAI_AGAIN' }),
        [],
      )) as LookupFunction;
    const error = await failureOf(connect({ connectMs: 2_000, lookup }, 80));
    expect(error).toBeInstanceOf(NetworkError);
    expect((error.cause as { code?: string }).code).toBe('EAI_AGAIN');
  });

  it('T010 to a port that nobody listens on is a NetworkError that names it', async () => {
    const port = await closedPort();
    const pool = acquirePool(`http://127.0.0.1:${port}`, { connectMs: 2_000 });
    const error = await failureOf(runExchange(pool.dispatcher, `http://127.0.0.1:${port}`));
    pool.release();
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect((error.cause as { code?: string }).code).toBe('ECONNREFUSED');
  });

  it('runs out of time in a TLS handshake that never ends: TimeoutError, phase connect', async () => {
    server = await rawServer(() => {});
    const origin = server.origin.replace('http:', 'https:');
    const pool = acquirePool(origin, { connectMs: 80 });
    const error = await failureOf(runExchange(pool.dispatcher, origin));
    pool.release();
    expect(error).toBeInstanceOf(TimeoutError);
    expect((error as TimeoutError).phase).toBe('connect');
    await expect.poll(() => server?.open.size).toBe(0);
  });

  it('U11 is given up at once on abort, and opens nothing afterwards', async () => {
    server = await rawServer(() => {});
    const origin = server.origin.replace('http:', 'https:');
    const pool = acquirePool(origin, { connectMs: 10_000 });
    const controller = new AbortController();
    const { ended } = startExchange(pool.dispatcher, origin, { signal: controller.signal });
    const failure = failureOf(ended);
    await expect.poll(() => server?.open.size).toBe(1);
    controller.abort('stop');
    expect(await failure).toBe('stop');
    await expect.poll(() => server?.open.size, { interval: 5 }).toBe(0);
    expect(server.connectionCount).toBe(1);
    pool.release();
  });

  it('sets TCP_NODELAY and keep-alive', async () => {
    server = await rawServer((socket) => socket.write(ok(ramp(1))));
    const calls: string[] = [];
    const { setNoDelay, setKeepAlive } = net.Socket.prototype;
    net.Socket.prototype.setNoDelay = function spy(value) {
      calls.push(`noDelay ${value}`);
      return setNoDelay.call(this, value);
    };
    net.Socket.prototype.setKeepAlive = function spy(value, delayMs) {
      calls.push(`keepAlive ${value}`);
      return setKeepAlive.call(this, value, delayMs);
    };
    try {
      (await connect({ connectMs: 2_000 }, server.port, '127.0.0.1')).destroy();
    } finally {
      Object.assign(net.Socket.prototype, { setNoDelay, setKeepAlive });
    }
    expect(calls).toEqual(['noDelay true', 'keepAlive true']);
  });
});
