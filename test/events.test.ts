import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createDownloadEvents, type DownloadEventName, emitterOf, isDownloadEvents } from '../src/events.js';
import { InvalidOptionError } from '../src/index.js';
import { readObjectInfo } from '../src/object-info.js';

const oneByte = { completedBytes: 1 };

describe('createDownloadEvents', () => {
  it('calls listeners with the payload, frozen, in the order they were added', () => {
    const events = createDownloadEvents();
    const seen: unknown[] = [];
    events.on('checkpointed', (payload) => seen.push(['first', payload]));
    events.on('checkpointed', (payload) => seen.push(['second', Object.isFrozen(payload)]));
    emitterOf(events)('checkpointed', oneByte);
    expect(seen).toEqual([
      ['first', { completedBytes: 1 }],
      ['second', true],
    ]);
  });

  it("gives '*' the name and the payload of every event, once", () => {
    const events = createDownloadEvents();
    const seen: unknown[] = [];
    events.on('*', (name, payload) => seen.push([name, payload]));
    const emit = emitterOf(events);
    emit('checkpointed', oneByte);
    emit('planned', { parts: 2, resumedBytes: 0 });
    expect(seen).toEqual([
      ['checkpointed', { completedBytes: 1 }],
      ['planned', { parts: 2, resumedBytes: 0 }],
    ]);
  });

  it('forgets a listener by off() and by the function that on() returned', () => {
    const events = createDownloadEvents();
    let calls = 0;
    const listener = () => {
      calls += 1;
    };
    const stop = events.on('checkpointed', listener);
    stop();
    stop();
    events.on('*', listener);
    events.off('*', listener);
    events.on('checkpointed', listener);
    events.off('planned', listener);
    emitterOf(events)('checkpointed', oneByte);
    expect(calls).toBe(1);
  });

  it('calls a once() listener once, even when it makes the event happen again', () => {
    const events = createDownloadEvents();
    const emit = emitterOf(events);
    let calls = 0;
    events.once('checkpointed', () => {
      calls += 1;
      emit('checkpointed', oneByte);
    });
    events.once('*', () => {
      calls += 10;
    });
    emit('checkpointed', oneByte);
    emit('checkpointed', oneByte);
    expect(calls).toBe(11);
  });

  it('forgets a once() listener by off() under each name that it was given for', () => {
    const events = createDownloadEvents();
    let calls = 0;
    const listener = () => {
      calls += 1;
    };
    events.once('checkpointed', listener);
    events.once('planned', listener);
    events.off('checkpointed', listener);
    const emit = emitterOf(events);
    emit('checkpointed', oneByte);
    expect(calls).toBe(0);
    emit('planned', { parts: 1, resumedBytes: 0 });
    expect(calls).toBe(1);
    const stop = events.once('checkpointed', listener);
    events.once('checkpointed', listener);
    stop();
    events.off('checkpointed', listener);
    emit('checkpointed', oneByte);
    expect(calls).toBe(1);
  });

  it('calls a listener as often as it was registered, and each function that on() returned removes its own', () => {
    const events = createDownloadEvents();
    const emit = emitterOf(events);
    const seen: string[] = [];
    const twice = () => seen.push('twice');
    const stopFirst = events.on('checkpointed', twice);
    events.on('checkpointed', () => seen.push('between'));
    events.on('checkpointed', twice);
    emit('checkpointed', oneByte);
    stopFirst();
    stopFirst();
    emit('checkpointed', oneByte);
    events.off('checkpointed', twice);
    emit('checkpointed', oneByte);
    events.on('checkpointed', twice);
    stopFirst();
    emit('checkpointed', oneByte);
    expect(seen).toEqual(['twice', 'between', 'twice', 'between', 'twice', 'between', 'between', 'twice']);
  });

  it('removes one registration by each off(), the oldest first, whether it came by on() or once()', () => {
    const events = createDownloadEvents();
    const emit = emitterOf(events);
    let calls = 0;
    const listener = () => {
      calls += 1;
    };
    const callsOf = (run: () => void) => {
      const before = calls;
      run();
      emit('checkpointed', oneByte);
      return calls - before;
    };
    const { on, once, off } = events;
    const steps = [
      callsOf(() => [once('checkpointed', listener), once('checkpointed', listener)]),
      callsOf(() => {}),
      callsOf(() => [once('checkpointed', listener), once('checkpointed', listener), off('checkpointed', listener)]),
      callsOf(() => [once('checkpointed', listener), once('checkpointed', listener)].map((stop) => stop())),
      callsOf(() => {
        for (const add of [once, once]) add('checkpointed', listener);
        for (const remove of [off, off, off]) remove('checkpointed', listener);
      }),
      // The oldest is the one for all events.
      callsOf(() => [on('checkpointed', listener), once('checkpointed', listener), off('checkpointed', listener)]),
      callsOf(() => {}),
      callsOf(() => [once('checkpointed', listener), on('checkpointed', listener), off('checkpointed', listener)]),
      callsOf(() => {}),
    ];
    expect(steps).toEqual([2, 0, 1, 0, 0, 1, 0, 1, 1]);
  });

  it.each(['on', 'once', 'off'] as const)(
    'refuses an unknown name and what is no function in %s(), and removes nobody',
    (method) => {
      const events = createDownloadEvents();
      let calls = 0;
      events.on('checkpointed', () => {
        calls += 1;
      });
      const call = events[method] as (...args: unknown[]) => void;
      const bad = [['checkpointed'], ['checkpointed', undefined], ['checkpointed', null], ['checkpointed', {}]];
      const misnamed = ['chekpointed', '', undefined, null, Symbol('*'), ['checkpointed'], 'constructor'];
      for (const args of bad) expect(() => call(...args)).toThrow(expect.objectContaining({ option: 'listener' }));
      for (const name of misnamed)
        expect(() => call(name, () => {})).toThrow(expect.objectContaining({ option: 'event' }));
      expect(() => call('checkpointed')).toThrow(InvalidOptionError);
      emitterOf(events)('checkpointed', oneByte);
      expect(calls).toBe(1);
    },
  );

  it('holds nothing of a listener that is gone, however long the emitter lives', async () => {
    const events = createDownloadEvents();
    const emit = emitterOf(events);
    const refs = ['on', 'once', 'off'].map((way) => {
      const listener = () => way;
      const stop = way === 'once' ? events.once('checkpointed', listener) : events.on('checkpointed', listener);
      if (way === 'on') stop();
      if (way === 'off') events.off('checkpointed', listener);
      return new WeakRef(listener);
    });
    emit('checkpointed', oneByte);
    // A WeakRef holds what it points to until the turn of the loop is over.
    await new Promise((resolve) => setImmediate(resolve));
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    expect(refs.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined]);
    events.on('checkpointed', () => {});
  });

  it('calls no listener that was removed, not even for an event that is under way', () => {
    const events = createDownloadEvents();
    const emit = emitterOf(events);
    const seen: string[] = [];
    const removed = () => seen.push('removed');
    events.once('checkpointed', () => {
      events.off('checkpointed', removed);
      emit('checkpointed', oneByte);
    });
    events.on('checkpointed', removed);
    events.once('checkpointed', () => seen.push('once'));
    emit('checkpointed', oneByte);
    expect(seen).toEqual(['once']);
  });

  it('lets a listener remove another one while an event is under way', () => {
    const events = createDownloadEvents();
    const seen: string[] = [];
    const stop = events.on('checkpointed', () => {
      seen.push('a');
      stop();
    });
    events.on('checkpointed', () => seen.push('b'));
    emitterOf(events)('checkpointed', oneByte);
    emitterOf(events)('checkpointed', oneByte);
    expect(seen).toEqual(['a', 'b', 'b']);
  });

  it('lets no listener that throws stop the others or the download', () => {
    const events = createDownloadEvents();
    const reported: unknown[] = [];
    const seen: string[] = [];
    const failure = new Error('a bug in a progress bar');
    events.on('checkpointed', () => {
      throw failure;
    });
    events.on('checkpointed', () => seen.push('second'));
    events.on('*', () => seen.push('star'));
    emitterOf(events, (error) => reported.push(error))('checkpointed', oneByte);
    expect(seen).toEqual(['second', 'star']);
    expect(reported).toEqual([failure]);
  });

  it('reports a listener that throws as a warning of the process when nobody else wants to know', async () => {
    const events = createDownloadEvents();
    events.on('checkpointed', () => {
      throw new Error('a bug in a progress bar');
    });
    const warned = once(process, 'warning');
    emitterOf(events)('checkpointed', oneByte);
    const [warning] = await warned;
    expect(warning).toMatchObject({ name: 'DownloadListenerWarning' });
    expect(warning.message).toContain('a bug in a progress bar');
  });

  it('survives an onListenerError that throws, too', async () => {
    const events = createDownloadEvents();
    events.on('checkpointed', () => {
      throw new Error('first');
    });
    const warned = once(process, 'warning');
    emitterOf(events, () => {
      throw new Error('second');
    })('checkpointed', oneByte);
    expect((await warned)[0].message).toContain('second');
  });

  it('is known by isDownloadEvents; a look-alike is not', () => {
    const events = createDownloadEvents();
    expect(isDownloadEvents(events)).toBe(true);
    expect(isDownloadEvents({ ...events })).toBe(false);
    expect(isDownloadEvents(null)).toBe(false);
  });
});

describe('a payload', () => {
  const headers = { 'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT', 'x-obs-meta-a': 'b' };
  const range = { start: 0, end: 1 };
  const verification = Object.freeze({ scope: 'none', reason: 'off' } as const);
  const counts = { transferredBytes: 1, resumedBytes: 0, requests: 1, retries: 0, hedges: 0, elapsedMs: 1 };

  // Whatever a listener finds in it, it tries to change.
  function spoil(value: unknown): void {
    if (value instanceof Date) value.setTime(0);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      spoil(member);
      Reflect.set(value, key, 'spoilt');
    }
  }

  it("is not the pipeline's own: what a listener does to a payload changes nothing about the download", () => {
    const events = createDownloadEvents();
    events.on('*', (_, payload) => spoil(payload));
    const emit = emitterOf(events);
    const object = readObjectInfo(headers, 1);
    const part = { index: 0, ...range };
    const result = Object.freeze({ object, range: Object.freeze({ ...range }), verification, ...counts });
    const given = { discovered: { object }, partHedged: { part, range }, completed: { result } };
    const before = structuredClone(given);
    for (const name of Object.keys(given) as (keyof typeof given & DownloadEventName)[])
      emit(name, given[name] as never);
    expect(given).toEqual(before);
  });

  it("has an object that is equal to the pipeline's, and the very one where it can be", () => {
    const events = createDownloadEvents();
    const seen: unknown[] = [];
    events.on('discovered', ({ object }) => seen.push(object));
    const emit = emitterOf(events);
    const [dated, undated] = [readObjectInfo(headers, 1), readObjectInfo({}, 1)];
    emit('discovered', { object: dated });
    emit('discovered', { object: undated });
    expect(seen[0]).toEqual(dated);
    expect(Object.isFrozen(seen[0])).toBe(true);
    expect(seen[1]).toBe(undated);
  });
});
