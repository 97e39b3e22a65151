import { describe, expect, it } from 'vitest';
import { createDownloadEvents } from '../../src/index.js';
import { cut } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, PART, serve, VERBS } from './download-bench.js';

const SIZE = 5 * PART + 1234;

/** Writes to every field that it can reach; gives the names of those that took it. */
function scribble(value: unknown, path: string): string[] {
  // An error is the caller's from here on.
  if (typeof value !== 'object' || value === null || value instanceof Error) return [];
  const taken: string[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const name = `${path}.${key}`;
    if (typeof inner !== 'number' && typeof inner !== 'string') taken.push(...scribble(inner, name));
    else if (Reflect.set(value, key, typeof inner === 'number' ? 0 : 'x')) taken.push(name);
  }
  return taken;
}

describe.each(VERBS)('a listener of %s', (verb) => {
  it.each(['on', 'once'] as const)(
    'that is async and rejects, added with %s, is told to onListenerError',
    async (how) => {
      const server = await serve(ramp(SIZE));
      const events = createDownloadEvents();
      const bug = new Error('a bug in a progress bar');
      // A listener's result is void to TypeScript, which lets a promise be it.
      const listener = (async () => {
        throw bug;
      }) as () => void;
      events[how]('partCompleted', listener);
      const told: unknown[] = [];
      const { bytes } = await download(verb, server.url, { events, onListenerError: (error) => told.push(error) });
      expect(bytes.length).toBe(SIZE);
      expectRamp(bytes);
      await expect.poll(() => told).toEqual(Array(how === 'on' ? 6 : 1).fill(bug));
    },
  );

  it('writes to what it is told: what a listener does to a payload changes nothing about the download', async () => {
    const server = await serve(ramp(SIZE), [cut({ part: 2, afterBytes: 30_000 })]);
    const events = createDownloadEvents();
    const taken: string[] = [];
    events.on('*', (name, payload) => taken.push(...scribble(payload, name)));
    const expectedChecksum = { algorithm: 'md5', value: ramp(SIZE).md5() } as const;
    const { bytes, result } = await download(verb, server.url, { events, expectedChecksum, concurrency: 2 });
    expect(taken).toEqual([]);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ range: { start: 0, end: SIZE }, verification: expectedChecksum });
  }, 5000);

  it('that shortens a part as it starts does not lose the rest of it', async () => {
    const size = 2_000_000;
    const server = await serve(ramp(size));
    const events = createDownloadEvents();
    events.on('partStarted', ({ part }) => void Reflect.set(part, 'end', part.start));
    // A part takes several requests within this budget.
    const budget = { partSize: 1_000_000, bufferBytes: 600_000, concurrency: 2 };
    const { bytes } = await download(verb, server.url, { ...budget, events });
    expect(bytes.length).toBe(size);
    expectRamp(bytes);
  }, 5000);
});
