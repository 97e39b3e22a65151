import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createDownloadEvents, emitterOf, isDownloadEvents } from '../src/events.js';

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
