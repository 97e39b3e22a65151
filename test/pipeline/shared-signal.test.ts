/** Many downloads, one signal: Node warns of a leak at the eleventh listener. */

import { getEventListeners } from 'node:events';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CheckpointSink,
  createDownloadStream,
  type DownloadOptions,
  discoverObject,
  downloadFile,
  fetchParts,
  type ObjectInfo,
  openCheckpointSink,
  planParts,
} from '../../src/index.js';
import { slowBody, stall } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { failureOf, freshPath, PART, pause, QUICK, serve } from './download-bench.js';

const COUNT = 30;
const SIZE = 2 * PART;

const warnings: Error[] = [];
const onWarning = (warning: Error) => void warnings.push(warning);
beforeEach(() => {
  process.on('warning', onWarning).on('unhandledRejection', onWarning);
});
afterEach(async () => {
  await pause(5);
  process.off('warning', onWarning).off('unhandledRejection', onWarning);
  expect(warnings.splice(0).map(String)).toEqual([]);
});

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

interface Given {
  readonly server: RangeServer;
  readonly object: ObjectInfo;
  readonly options: DownloadOptions;
}

/** Takes bytes. */
const swallow = () => new Writable({ write: (_bytes, _encoding, done) => done() });

/** A sink that is fed by `fetchParts`, both with the signal. */
async function fetchIntoSink({ server, object, options }: Given): Promise<void> {
  const { signal } = options;
  const sink: CheckpointSink = await openCheckpointSink(freshPath(), object, { signal, durability: 'none' });
  try {
    const parts = planParts(sink.range, { partSize: PART, completed: sink.completed });
    await pipeline(fetchParts(server.url, object, parts, options), sink);
    await sink.publish();
  } finally {
    await sink.close();
  }
}

const kinds: [string, (given: Given) => Promise<unknown>][] = [
  ['files', ({ server, options }) => downloadFile(server.url, freshPath(), { ...options, durability: 'none' })],
  ['streams', ({ server, options }) => pipeline(createDownloadStream(server.url, options), swallow())],
  [
    'spooled streams',
    async ({ server, options }) => {
      const stream = createDownloadStream(server.url, { ...options, spool: freshPath() });
      await pipeline(stream, swallow());
      return stream.result;
    },
  ],
  [
    'fetchParts',
    async ({ server, object, options }) => {
      const parts = planParts({ start: 0, end: SIZE }, { partSize: PART });
      for await (const chunk of fetchParts(server.url, object, parts, options)) chunk.release();
    },
  ],
  ['sinks', fetchIntoSink],
  ['discoveries', ({ server, options: { signal } }) => discoverObject(server.url, { signal })],
];

const discard = (stream: ReturnType<typeof createDownloadStream>) => stream.on('error', () => {});

describe.each(kinds)(`${COUNT} %s on one signal`, (kind, start) => {
  it('put one listener on it, cause no warning, and leave none behind', async () => {
    const server = await serve(ramp(SIZE));
    const object = await discoverObject(server.url);
    server.setFaults([slowBody({ bytesPerSecond: 1_000_000 })]);
    const { signal } = new AbortController();
    const given = { server, object, options: { ...QUICK, concurrency: 2, signal } };
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, listeners(signal));
    }, 1);
    await Promise.all(Array.from({ length: COUNT }, () => start(given)));
    clearInterval(timer);
    expect(most).toBe(1);
    expect(listeners(signal)).toBe(0);
  });

  it('end with its reason when it aborts, and leave none behind', async () => {
    const server = await serve(ramp(SIZE));
    const object = await discoverObject(server.url);
    server.setFaults([stall({ times: 999, afterBytes: kind === 'discoveries' ? 0 : 1000 })]);
    const controller = new AbortController();
    const { signal } = controller;
    const given = { server, object, options: { ...QUICK, concurrency: 2, signal } };
    const before = server.requests.length;
    const running = Array.from({ length: COUNT }, () => failureOf(start(given)));
    if (kind !== 'discoveries') await expect.poll(() => server.requests.length - before).toBeGreaterThanOrEqual(COUNT);
    expect(listeners(signal)).toBe(1);
    controller.abort(new Error('enough'));
    expect(new Set(await Promise.all(running))).toEqual(new Set([signal.reason]));
    expect(listeners(signal)).toBe(0);
  });
});

describe('many on one signal', () => {
  it('one that ends ends alone: the others go on, and still end when the signal aborts', async () => {
    const server = await serve(ramp(SIZE), [slowBody({ bytesPerSecond: 100_000 })]);
    const controller = new AbortController();
    const { signal } = controller;
    const streams = Array.from({ length: 12 }, () => discard(createDownloadStream(server.url, { ...QUICK, signal })));
    await Promise.all(streams.map((stream) => stream.object));
    const [first, ...others] = streams;
    first?.destroy(new Error('of its own'));
    expect(await failureOf(first?.result ?? Promise.resolve())).toMatchObject({ message: 'of its own' });
    expect(listeners(signal)).toBe(1);
    expect(others.every(({ destroyed }) => !destroyed)).toBe(true);
    controller.abort(new Error('enough'));
    for (const stream of others) expect(await failureOf(stream.result)).toBe(signal.reason);
    expect(listeners(signal)).toBe(0);
  });

  it('sinks that wait for the locks of others put one listener on it, too', async () => {
    const server = await serve(ramp(SIZE));
    const object = await discoverObject(server.url);
    const controller = new AbortController();
    const { signal } = controller;
    const paths = Array.from({ length: 15 }, freshPath);
    const holders = await Promise.all(paths.map((path) => openCheckpointSink(path, object)));
    const waiting = paths.map((path) => failureOf(openCheckpointSink(path, object, { signal, lockWaitMs: 60_000 })));
    await pause(50);
    expect(listeners(signal)).toBe(1);
    controller.abort(new Error('enough'));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([signal.reason]));
    expect(listeners(signal)).toBe(0);
    await Promise.all(holders.map((holder) => holder.close()));
  });
});
