import type { Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../src/errors.js';
import { parserValve, ValveFlow } from '../../src/transport/flow.js';

function recorded(refusal?: ProtocolError) {
  const events: string[] = [];
  const valve = {
    close: () => {
      events.push('close');
      return refusal;
    },
    open: () => void events.push('open'),
  };
  const flow = new ValveFlow(valve, {
    pausing: () => events.push('pausing'),
    resuming: () => events.push('resuming'),
    refused: () => events.push('refused'),
  });
  return { flow, events };
}

describe('a flow', () => {
  it('a connection is never woken from inside the data callback of another one, which undici asserts on', async () => {
    const { flow, events } = recorded();
    flow.pause();
    flow.resume();
    expect(events).toEqual(['close', 'pausing', 'resuming']);
    await Promise.resolve();
    expect(events.at(-1)).toBe('open');
  });

  it('counts two pauses as one, and stays closed when it is paused again at once', async () => {
    const { flow, events } = recorded();
    flow.pause();
    flow.pause();
    flow.resume();
    flow.pause();
    await Promise.resolve();
    expect(events).toEqual(['close', 'pausing', 'resuming', 'pausing']);
    flow.resume();
    await Promise.resolve();
    expect(events.filter((event) => event === 'open')).toHaveLength(1);
  });

  it('opens at the end of the response, and does nothing afterwards', async () => {
    const { flow, events } = recorded();
    flow.pause();
    flow.end();
    await Promise.resolve();
    expect(events).toEqual(['close', 'pausing', 'open']);
    flow.pause();
    flow.resume();
    await Promise.resolve();
    expect(events).toHaveLength(3);
  });

  it('reports a refusal and is not paused by it', () => {
    const { flow, events } = recorded(new ProtocolError('no'));
    flow.pause();
    expect(events).toEqual(['close', 'refused']);
  });
});

describe("a caller's dispatcher is paused", () => {
  for (const [headers, isRefused] of [
    [{ 'content-length': '5' }, false],
    [{ 'transfer-encoding': 'chunked', connection: 'keep-alive' }, false],
    [{ 'content-length': '5', connection: 'close' }, true],
    [{ 'content-length': '5', connection: 'foo, Close' }, true],
    [{ 'content-length': '5', connection: ['foo', 'close'] }, true],
    [{}, true],
  ] as const) {
    it(`${isRefused ? 'not ' : ''}with ${JSON.stringify(headers)}`, () => {
      let pauses = 0;
      const controller = { pause: () => void pauses++ } as unknown as Dispatcher.DispatchController;
      const refusal = parserValve(controller, headers as never).close();
      expect(refusal instanceof ProtocolError).toBe(isRefused);
      expect(pauses).toBe(isRefused ? 0 : 1);
    });
  }
});
