import { describe, expect, it } from 'vitest';
import { createDownloadStream, type DownloadEventName } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { failureOf, PART, pause, QUICK, recorder, serve } from './download-bench.js';

const WATCHED = ['discovered', 'planned', 'partStarted', 'partCompleted', 'progress'] as const;

describe('failed is the last event of a stream', () => {
  it.each(WATCHED)('that a listener destroys at %s', async (name) => {
    const server = await serve(ramp(5 * PART));
    const { events, all } = recorder();
    const late: DownloadEventName[] = [];
    const stream = createDownloadStream(server.url, { ...QUICK, events });
    stream.on('error', () => {});
    events.once(name, () => void stream.destroy());
    // Registered last, and for all events: it is told of the end after what led to it.
    events.on('*', (told) => void late.push(told));
    stream.resume();
    await failureOf(stream.result);
    await pause(30);
    const names = all.map((event) => event.name);
    expect(names.slice(-2)).toEqual([name, 'failed']);
    expect(late).toEqual(names);
  });

  it('that is destroyed by the reader of its bytes', async () => {
    const server = await serve(ramp(1000));
    const { events, all } = recorder();
    const stream = createDownloadStream(server.url, { ...QUICK, events });
    stream.on('data', () => void stream.destroy());
    await failureOf(stream.result);
    await pause(30);
    expect(all.at(-1)?.name).toBe('failed');
  });
});
