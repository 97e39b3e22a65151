import net from 'node:net';
import { Agent, type Dispatcher, interceptors, MockAgent, ProxyAgent } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { InvalidOptionError, NetworkError, ProtocolError, TimeoutError } from '../../src/errors.js';
import { ok, type RawServer, ramp, rawServer } from './raw-server.js';
import { failureOf, runExchange, startExchange } from './run-exchange.js';

const MiB = 1024 * 1024;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(answer: Parameters<typeof rawServer>[0]): Promise<RawServer> {
  const server = await rawServer(answer);
  closing.push(() => server.close());
  return server;
}

function use<T extends Dispatcher>(dispatcher: T): T {
  // A MockAgent has no destroy().
  closing.push(() => (dispatcher instanceof MockAgent ? dispatcher.close() : dispatcher.destroy()));
  return dispatcher;
}

describe("T140 a caller's dispatcher", () => {
  it('MockAgent answers', async () => {
    const agent = use(new MockAgent());
    agent.disableNetConnect();
    agent
      .get('http://store.test')
      .intercept({ path: '/object' })
      .reply(206, 'hello', { headers: { ETag: '"x"' } });
    const { head, chunks } = await runExchange(agent, 'http://store.test');
    expect(head).toEqual({ statusCode: 206, headers: { etag: '"x"' } });
    expect(Buffer.concat(chunks).toString()).toBe('hello');
  });

  it('MockAgent without a matching reply is the fault of the dispatcher, and the query does not show', async () => {
    const agent = use(new MockAgent());
    agent.disableNetConnect();
    const error = await failureOf(
      runExchange(agent, 'http://store.test', { request: { path: '/o?Signature=hush-hush' } }),
    );
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as InvalidOptionError).option).toBe('dispatcher');
    expect(error.stack).not.toContain('hush');
  });

  it('Agent delivers, pauses and resumes', async () => {
    const body = ramp(4 * MiB);
    const server = await serve((socket) => socket.write(ok(body)));
    let pauses = 0;
    const { received, ended } = startExchange(use(new Agent()), server.origin, {
      onBytes: () => {
        if (pauses++ > 5) return;
        received.flow?.pause();
        setImmediate(() => received.flow?.resume());
      },
    });
    await ended;
    expect(pauses).toBeGreaterThan(5);
    expect(Buffer.concat(received.chunks).equals(body)).toBe(true);
  });

  it('U1 refuses to pause where the server closes the connection, and says why', async () => {
    const server = await serve((socket) => socket.end(ok(ramp(100), 'Connection: close\r\n')));
    const error = await failureOf(
      runExchange(use(new Agent()), server.origin, { onHead: (_head, flow) => flow.pause() }),
    );
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toContain('cannot be paused');
  });

  it('with a retry and a redirect interceptor works', async () => {
    const body = ramp(1000);
    const server = await serve((socket, { index }) => {
      if (index === 0) socket.write('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n');
      else socket.write(ok(body));
    });
    const agent = use(
      use(new Agent()).compose(
        interceptors.retry({ minTimeout: 1, maxRetries: 2 }),
        interceptors.redirect({ maxRedirections: 2 }),
      ),
    );
    const { chunks } = await runExchange(agent, server.origin);
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
  });

  it('keeps our time limits and not its own', async () => {
    const server = await serve(() => {});
    const agent = use(new Agent({ headersTimeout: 60_000 }));
    const error = await failureOf(runExchange(agent, server.origin, { limits: { headersMs: 80 } }));
    expect((error as TimeoutError).phase).toBe('headers');
    await expect.poll(() => server.open.size, { timeout: 400 }).toBeLessThanOrEqual(1);
  });

  it('is aborted at once', async () => {
    const server = await serve(() => {});
    const controller = new AbortController();
    const { ended } = startExchange(use(new Agent()), server.origin, { signal: controller.signal });
    const failure = failureOf(ended);
    await expect.poll(() => server.requestCount).toBe(1);
    controller.abort('stop');
    expect(await failure).toBe('stop');
  });

  it('that is closed is an InvalidOptionError', async () => {
    const agent = new Agent();
    await agent.destroy();
    expect(await failureOf(runExchange(agent, 'http://127.0.0.1:9'))).toBeInstanceOf(InvalidOptionError);
  });

  it('U21 of an undici with another handler interface is an InvalidOptionError', async () => {
    const old = {
      dispatch(_options: unknown, handler: Record<string, unknown>) {
        if (typeof handler.onConnect !== 'function') {
          throw Object.assign(new Error('invalid onConnect method'), { code: 'UND_ERR_INVALID_ARG' });
        }
        return true;
      },
    };
    const error = await failureOf(runExchange(old as unknown as Dispatcher, 'http://127.0.0.1:9'));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect((error as InvalidOptionError).option).toBe('dispatcher');
  });

  it('that throws on HTTP errors is an InvalidOptionError that says so', async () => {
    const server = await serve((socket) => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
    const agent = use(use(new Agent()).compose(interceptors.responseError()));
    const error = await failureOf(runExchange(agent, server.origin));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.message).toContain('HTTP errors');
  });

  it('whose own limits run out is a TimeoutError of that phase', async () => {
    const failing = (code: string) =>
      ({
        dispatch(_options: unknown, handler: Dispatcher.DispatchHandler) {
          handler.onResponseError?.(null as never, Object.assign(new Error('limit'), { code }));
          return true;
        },
      }) as unknown as Dispatcher;
    for (const [code, phase] of [
      ['UND_ERR_CONNECT_TIMEOUT', 'connect'],
      ['UND_ERR_HEADERS_TIMEOUT', 'headers'],
      ['UND_ERR_BODY_TIMEOUT', 'stall'],
    ] as const) {
      const error = await failureOf(runExchange(failing(code), 'http://127.0.0.1:9'));
      expect(error).toBeInstanceOf(TimeoutError);
      expect((error as TimeoutError).phase).toBe(phase);
    }
  });

  it('whose error quotes the request does not make us show it', async () => {
    const quoting = {
      dispatch(options: { path: string; headers: object }) {
        throw new Error(`cannot send ${options.path} with ${JSON.stringify(options.headers)}`);
      },
    } as unknown as Dispatcher;
    const error = await failureOf(
      runExchange(quoting, 'http://127.0.0.1:9', {
        request: { path: '/o?Signature=hush-hush', headers: { authorization: 'OBS hidden-key:1' } },
      }),
    );
    expect(error).toBeInstanceOf(NetworkError);
    const text = `${error.stack} ${(error.cause as Error).stack} ${(error.cause as Error).message}`;
    expect(text).not.toMatch(/hush|hidden/);
  });
});

describe('T020 a proxy that refuses the tunnel', () => {
  for (const status of [407, 502]) {
    it(`with ${status} is named by its host, without its password`, async () => {
      const proxy = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`));
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      closing.push(async () => proxy.close());
      const { port } = proxy.address() as net.AddressInfo;
      const agent = use(new ProxyAgent(`http://user:hush-hush@127.0.0.1:${port}`));
      const error = await failureOf(runExchange(agent, 'http://store.test'));
      expect(error).toBeInstanceOf(NetworkError);
      expect(error.message).toContain(`127.0.0.1:${port}`);
      expect(error.message).toContain(String(status));
      expect(`${error.stack} ${(error.cause as Error).stack}`).not.toContain('hush');
    });
  }
});
