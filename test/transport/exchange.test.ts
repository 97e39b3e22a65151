import { setMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NetworkError, ProtocolError } from '../../src/errors.js';
import { isStaleConnection } from '../../src/transport/network-failure.js';
import { acquirePool, type OriginPool } from '../../src/transport/pool.js';
import { ok, type RawServer, ramp, rawServer } from './raw-server.js';
import { failureOf, runExchange, startExchange } from './run-exchange.js';

type Answer = Parameters<typeof rawServer>[0];

let server: RawServer;
let pool: OriginPool;

async function serve(answer: Answer): Promise<void> {
  server = await rawServer(answer);
  pool = acquirePool(server.origin, { connectMs: 2_000 });
}

const run = (options = {}) => runExchange(pool.dispatcher, server.origin, options);
const fail = (options = {}) => failureOf(run(options));

afterEach(async () => {
  pool.release();
  await server.close();
});

describe('a response', () => {
  it('arrives whole: head once, bytes in order, connection kept', async () => {
    const body = ramp(1_000_000);
    await serve((socket) => socket.write(ok(body, 'ETag: "x"\r\nX-Twice: 1\r\nX-Twice: 2\r\n')));
    for (let round = 0; round < 3; round++) {
      const { head, chunks } = await run();
      expect(head?.statusCode).toBe(200);
      expect(head?.headers.etag).toBe('"x"');
      expect(head?.headers['x-twice']).toEqual(['1', '2']);
      expect(Buffer.concat(chunks).equals(body)).toBe(true);
    }
    expect(server.connectionCount).toBe(1);
  });

  it('is asked for with the method, path and headers as given and none of ours beyond host and connection', async () => {
    let sent = '';
    await serve((socket, { head }) => {
      sent = head;
      socket.write(ok(Buffer.alloc(0)));
    });
    await run({ request: { path: "/a/../b%2Fc?x='y'", headers: { range: 'bytes=0-9' } } });
    expect(sent).toBe(
      `GET /a/../b%2Fc?x='y' HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\nconnection: keep-alive\r\nrange: bytes=0-9\r\n\r\n`,
    );
  });

  it('to HEAD has no body, whatever length it announces', async () => {
    await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'));
    const { head, byteCount } = await run({ request: { method: 'HEAD' } });
    expect(head?.headers['content-length']).toBe('5000');
    expect(byteCount).toBe(0);
  });

  it('T033 after 103 Early Hints is the final one', async () => {
    await serve((socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok(ramp(10))}`));
    const heads: number[] = [];
    await run({ onHead: ({ statusCode }: { statusCode: number }) => heads.push(statusCode) });
    expect(heads).toEqual([200]);
  });

  it('T128 with a __proto__ header pollutes nothing', async () => {
    await serve((socket) => socket.write(ok(ramp(10), '__proto__: polluted\r\n')));
    const { head } = await run();
    expect(Object.getPrototypeOf(head?.headers)).toBe(null);
    expect(Object.entries(head?.headers ?? {})).toContainEqual(['__proto__', 'polluted']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('a cut message', () => {
  it('T001 by RST after k bytes is a NetworkError, and the bytes before it were delivered', async () => {
    const body = ramp(100_000);
    for (const k of [1, 50_000, 99_999]) {
      await serve((socket) => {
        socket.write(ok(body).subarray(0, ok(body).length - body.length + k), () =>
          setTimeout(() => socket.resetAndDestroy(), 20),
        );
      });
      const { received, ended } = startExchange(pool.dispatcher, server.origin);
      expect(await failureOf(ended)).toBeInstanceOf(NetworkError);
      expect(Buffer.concat(received.chunks).equals(body.subarray(0, k))).toBe(true);
      if (k !== 99_999) {
        pool.release();
        await server.close();
      }
    }
  });

  for (const [title, head] of [
    ['T002 by FIN, keep-alive with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'],
    [
      'T003 by FIN, Connection: close with a length',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n',
    ],
    ['T005 by FIN, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n64\r\n'],
    ['by FIN within the head', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ] as const) {
    it(`${title} is a NetworkError without raw bytes of the server`, async () => {
      await serve((socket) => socket.end(`${head}SECRETBODY`));
      const error = await fail();
      expect(error).toBeInstanceOf(NetworkError);
      expect(isStaleConnection(error)).toBe(false);
      expect(JSON.stringify([error.message, error.cause, Object.entries(error.cause as object)])).not.toContain(
        'SECRET',
      );
    });
  }

  it('U3 without a length and with Connection: close ends like a whole one: counting is for the caller', async () => {
    await serve((socket) => socket.end(`HTTP/1.1 206 Partial Content\r\nConnection: close\r\n\r\n${'x'.repeat(40)}`));
    expect((await run()).byteCount).toBe(40);
  });

  it('T006 once the caller has all its bytes, no failure of the connection can take them back', async () => {
    await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n${'x'.repeat(10)}\r\n`, () =>
        socket.resetAndDestroy(),
      );
    });
    let byteCount = 0;
    await run({
      onBytes: (bytes: Buffer) => {
        byteCount += bytes.length;
        return byteCount === 10 ? 'done' : undefined;
      },
    });
    expect(byteCount).toBe(10);
  });
});

describe('done', () => {
  it('keeps the connection when the message ends with those bytes', async () => {
    await serve((socket) => socket.write(ok(ramp(100))));
    await run({ onBytes: () => 'done' });
    await run({ onBytes: () => 'done' });
    expect(server.connectionCount).toBe(1);
  });

  it('T024 drops the connection when the body is longer, and no byte more is delivered', async () => {
    await serve((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100)}`);
    });
    const { byteCount } = await run({ onBytes: () => 'done' });
    expect(byteCount).toBe(100);
    await expect.poll(() => server.open.size).toBe(0);
  });
});

describe('broken HTTP is a ProtocolError', () => {
  for (const [title, response] of [
    [
      'T031 a length and chunked at once',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['T031 two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['T031 the same length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    ['T031 a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc'],
    ['T031 a length of 20 digits', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc'],
    ['T034 an unsolicited 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['T034 an unsolicited 101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
    ['T035 a header of 20 KiB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20 * 1024)}\r\nContent-Length: 0\r\n\r\n`],
    ['T128 10 000 headers', `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(10_000)}\r\n`],
    ['not HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc'],
  ] as const) {
    it(title, async () => {
      await serve((socket) => socket.write(response));
      const error = await fail();
      expect(error).toBeInstanceOf(ProtocolError);
      expect(error.message).not.toContain('abc');
    });
  }
});

describe('an idle connection', () => {
  it('T052 that gets an unsolicited response is never used for a part', async () => {
    const body = ramp(1000);
    await serve((socket, { index }) => {
      socket.write(ok(body));
      if (index === 0) setTimeout(() => socket.write(ok(Buffer.alloc(1000, 'evil'))), 5);
    });
    await run();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const { chunks } = await run();
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
  });

  it('U14 that the server closes as we send is a failure marked stale, retried at once by who asks', async () => {
    await serve((socket, { connectionIndex }) => {
      if (connectionIndex === 0) socket.write(ok(ramp(10)));
      else socket.destroy();
    });
    await run();
    const error = await fail();
    expect(error).toBeInstanceOf(NetworkError);
    expect(isStaleConnection(error)).toBe(true);
    expect((await run()).byteCount).toBe(10);
  });

  it('a fresh connection that fails the same way is not called stale', async () => {
    await serve((socket) => socket.destroy());
    expect(isStaleConnection(await fail())).toBe(false);
  });
});

describe('no callback of it ever throws into undici, which would crash the process: a handler that throws', () => {
  for (const where of ['onHead', 'onBytes'] as const) {
    it(`from ${where} rejects with exactly that error and drops the connection`, async () => {
      await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(10)}`));
      const mine = new Error('mine');
      const error = await fail({
        [where]: () => {
          throw mine;
        },
      });
      expect(error).toBe(mine);
      await expect.poll(() => server.open.size).toBe(0);
    });
  }
});

describe('abort', () => {
  const phases: Record<string, Answer> = {
    'before the head': () => {},
    'within the head': (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-'),
    'within the body': (socket) => void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc`),
  };
  for (const [phase, answer] of Object.entries(phases)) {
    it(`${phase} rejects at once with signal.reason and drops the connection`, async () => {
      await serve(answer);
      const controller = new AbortController();
      const { ended } = startExchange(pool.dispatcher, server.origin, { signal: controller.signal });
      const failure = failureOf(ended);
      await expect.poll(() => server.requestCount).toBe(1);
      const reason = { not: 'an error' };
      const startedMs = performance.now();
      controller.abort(reason);
      expect(await failure).toBe(reason);
      await expect.poll(() => server.open.size, { interval: 5 }).toBe(0);
      expect(performance.now() - startedMs).toBeLessThan(250);
      expect(server.connectionCount).toBe(1);
    });
  }

  it('T132 beforehand sends nothing', async () => {
    await serve((socket) => socket.write(ok(ramp(1))));
    expect(await fail({ signal: AbortSignal.abort('gone') })).toBe('gone');
    expect(server.connectionCount).toBe(0);
  });

  it('leaves no listener on the signal, and one while it runs', async () => {
    await serve((socket) => socket.write(ok(ramp(10))));
    const controller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    controller.signal.addEventListener = function add(this: AbortSignal, ...parameters: unknown[]) {
      listeners++;
      return addEventListener.apply(this, parameters as never);
    } as typeof addEventListener;
    controller.signal.removeEventListener = function remove(this: AbortSignal, ...parameters: unknown[]) {
      listeners--;
      return removeEventListener.apply(this, parameters as never);
    } as typeof removeEventListener;
    const { ended } = startExchange(pool.dispatcher, server.origin, { signal: controller.signal });
    expect(listeners).toBe(1);
    await ended;
    expect(listeners).toBe(0);
  });
});

describe('a request that cannot be sent', () => {
  it('is a ProtocolError that does not show its header', async () => {
    await serve(() => {});
    const error = await fail({ request: { headers: { authorization: 'secret-key\r\nx: y' } } });
    expect(error).toBeInstanceOf(ProtocolError);
    expect(`${error.stack}`).not.toContain('secret-key');
  });
});

describe('no rejection goes unhandled', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  beforeEach(() => void process.on('unhandledRejection', note));
  afterEach(() => void process.off('unhandledRejection', note));

  it('T144 when 20 exchanges fail and are aborted together', async () => {
    await serve((socket, { index }) => {
      if (index % 2 === 0) socket.destroy();
    });
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const failures = Array.from({ length: 20 }, () => fail({ signal: controller.signal }));
    await expect.poll(() => server.requestCount).toBe(20);
    controller.abort(new Error('stop'));
    expect(await Promise.all(failures)).toHaveLength(20);
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });
});
