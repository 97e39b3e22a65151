import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { downloadFile, type Progress } from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { cut, latency, slowBody } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, failureOf, freshPath, PART, QUICK, recorder, serve, VERBS } from './download-bench.js';

const MIB = 1024 * 1024;
const SIZE = 5 * PART + 1234;

describe.each(VERBS)('%s and progress', (verb) => {
  it('is announced in order: it never goes back, never beyond the size, and ends at it (T138)', async () => {
    const size = 12 * PART;
    const server = await serve(ramp(size), [
      slowBody({ bytesPerSecond: 1_000_000, part: 5 }),
      cut({ part: 2, afterBytes: 30_000 }),
    ]);
    const { of, events } = await download(verb, server.url);
    const progress = of('progress');
    expect(progress.length).toBeGreaterThanOrEqual(2);
    let last = 0;
    for (const { completedBytes, totalBytes } of progress) {
      expect(totalBytes).toBe(size);
      expect(completedBytes).toBeGreaterThanOrEqual(last);
      expect(completedBytes).toBeLessThanOrEqual(size);
      last = completedBytes;
    }
    expect(last).toBe(size);
    const names = events.map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(['discovered', 'planned']);
    expect(names.at(-1)).toBe('completed');
    expect(names.indexOf('completed')).toBe(names.length - 1);
    expect(of('planned')).toEqual([{ parts: 12, resumedBytes: 0 }]);
    expect(
      of('partCompleted')
        .map(({ part }) => part.index)
        .sort((a, b) => a - b),
    ).toEqual([...Array(12).keys()]);
    for (const { part } of of('partCompleted')) {
      const started = events.findIndex(
        ({ name, payload }) =>
          name === 'partStarted' && (payload as { part: { index: number } }).part.index === part.index,
      );
      const completed = events.findIndex(
        ({ name, payload }) => name === 'partCompleted' && (payload as { part: unknown }).part === part,
      );
      expect(started).toBeGreaterThanOrEqual(0);
      expect(started).toBeLessThan(completed);
    }
    // One start for each part, and one for its retry.
    expect(of('partStarted')).toHaveLength(12 + of('partRetrying').length);
  });

  it('a failure is announced once, last, with the very error', async () => {
    const server = await serve(ramp(SIZE), [status(404, { times: 99 })]);
    const { events, all } = recorder();
    const error = await failureOf(download(verb, server.url, { events }));
    expect(all.filter(({ name }) => name === 'failed')).toEqual([{ name: 'failed', payload: { error } }]);
    expect(all.at(-1)?.name).toBe('failed');
  });

  it('a listener that throws harms nothing', async () => {
    const server = await serve(ramp(SIZE));
    const { events } = recorder();
    const thrown: unknown[] = [];
    events.on('*', () => {
      throw new Error('a bug in a progress bar');
    });
    const { bytes } = await download(verb, server.url, { events, onListenerError: (error) => thrown.push(error) });
    expect(bytes.length).toBe(SIZE);
    expect(thrown.length).toBeGreaterThan(10);
  });
});

describe('downloadFile after a failure', () => {
  const size = 12 * MIB + 5;
  const options = { ...QUICK, partSize: MIB, durability: 'none' } as const;

  it.each([
    ['the retries ran out (T039)', status(503, { part: 7, times: 99 }), 'PS_ERR_PART_FAILED'],
    ['the object went away (T042, T060)', status(404, { part: 7, times: 99 }), 'PS_ERR_NOT_FOUND'],
    ['access was refused (T040)', status(403, { part: 7, times: 99 }), 'PS_ERR_ACCESS_DENIED'],
    ['a server broke HTTP', status(204, { part: 7, times: 99 }), 'PS_ERR_PROTOCOL'],
  ])('goes on from what is recorded when %s, and progress begins there (T138)', async (_why, fault, code) => {
    const server = await serve(ramp(size), [fault, latency({ part: 7, ms: 30 })], { partSize: MIB });
    const path = freshPath();
    expect(await failureOf(downloadFile(server.url, path, options))).toMatchObject({ code });
    expect(existsSync(path)).toBe(false);
    server.setFaults([]);
    server.requests.length = 0;
    const { events, all } = recorder();
    const result = await downloadFile(server.url, path, { ...options, events });
    const bytes = await readFile(path);
    expect(bytes.length).toBe(size);
    expectRamp(bytes);
    expect(result.resumedBytes).toBeGreaterThan(4 * MIB);
    expect(result.transferredBytes + result.resumedBytes).toBe(size);
    expect(server.requests.every(({ range }) => (range?.start ?? 0) > 0)).toBe(true);
    expect(all.filter(({ name }) => name === 'planned').map(({ payload }) => payload)).toMatchObject([
      { resumedBytes: result.resumedBytes },
    ]);
    const progress = all.filter(({ name }) => name === 'progress').map(({ payload }) => payload as Progress);
    for (const { completedBytes } of progress) expect(completedBytes).toBeGreaterThanOrEqual(result.resumedBytes);
    expect(progress.at(-1)).toMatchObject({ completedBytes: size, totalBytes: size });
  });
});
