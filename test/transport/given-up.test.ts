/** What comes of an exchange that was given up while its dispatcher still has bytes of it. */

import { Agent, Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { acquirePool } from '../../src/transport/pool.js';
import { rawServer } from './raw-server.js';
import { failureOf, startExchange } from './run-exchange.js';

/** Many pieces of a body that come in one read. */
const RESPONSE = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'3\r\nabc\r\n'.repeat(50)}`;

/** Hands on what it has, as one that decodes may: an abort only reaches what is before it. */
class DeafDispatcher extends Dispatcher {
  override dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const ignore = () => {};
    const state = { aborted: false, paused: false, reason: null, rawHeaders: [], rawTrailers: [] };
    const controller: Dispatcher.DispatchController = { ...state, abort: ignore, pause: ignore, resume: ignore };
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, 200, {}, 'OK');
    for (let count = 0; count < 50; count += 1) handler.onResponseData?.(controller, Buffer.from('abc'));
    handler.onResponseEnd?.(controller, {});
    return true;
  }
}

describe.each(['our own pool', 'an Agent', 'a dispatcher that is deaf'])(
  'once an exchange over %s was given up',
  (kind) => {
    it.each(['its handler threw', 'its signal aborted'])('no byte more of it is used: %s', async (how) => {
      const server = await rawServer((socket) => socket.write(RESPONSE));
      const pool = acquirePool(server.origin, { connectMs: 2_000 });
      const agent = new Agent();
      const foreign = kind === 'an Agent' ? agent : new DeafDispatcher();
      const dispatcher = kind === 'our own pool' ? pool.dispatcher : foreign;
      const reason = new Error('enough');
      const controller = new AbortController();
      const { received, ended } = startExchange(dispatcher, server.origin, {
        signal: controller.signal,
        onBytes() {
          if (how === 'its handler threw') throw reason;
          controller.abort(reason);
        },
      });
      expect(await failureOf(ended)).toBe(reason);
      await expect.poll(() => server.open.size).toBe(0);
      expect(received.byteCount).toBe(3);
      pool.release();
      await agent.destroy();
      await server.close();
    });
  },
);
