import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createDownloadStream, downloadFile, PartFailedError, type Progress, StoreError } from '../../src/index.js';
import { ignoreRange, status } from '../fixtures/answer-faults.js';
import { cut, latency, reset, slowBody } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { rawServer } from '../fixtures/raw-server.js';
import {
  closeLater,
  download,
  failureOf,
  freshPath,
  PART,
  pause,
  QUICK,
  rangesOf,
  recorder,
  serve,
  VERBS,
} from './download-bench.js';

const MIB = 1024 * 1024;
const SIZE = 5 * PART + 1234;

describe.each(VERBS)('%s of a range', (verb) => {
  it.each([
    [{ start: 0, end: 1 }, 1],
    [{ start: 5 }, 6],
    [{ start: PART - 1, end: 2 * PART + 1 }, 2],
    [{ start: SIZE - 1 }, 1],
    [{ start: 0, end: SIZE }, 6],
  ] as [{ start: number; end?: number }, number][])('%o brings just these bytes', async (range, requests) => {
    const server = await serve(ramp(SIZE));
    const { bytes, result, of } = await download(verb, server.url, { range });
    const end = range.end ?? SIZE;
    expect(bytes.length).toBe(end - range.start);
    expectRamp(bytes, range.start);
    expect(result).toMatchObject({ range: { start: range.start, end }, object: { size: SIZE } });
    expect(result.transferredBytes).toBe(end - range.start);
    expect(server.requests).toHaveLength(requests);
    expect(of('progress').at(-1)).toMatchObject({ completedBytes: end - range.start, totalBytes: end - range.start });
  });

  it.each([true, false])('ends with the object when it asks for more; the server knows ranges: %s', async (knows) => {
    const server = await serve(ramp(SIZE), knows ? [] : [ignoreRange()]);
    const { bytes, result } = await download(verb, server.url, { range: { start: 100, end: SIZE + 5000 } });
    expect(bytes.length).toBe(SIZE - 100);
    expectRamp(bytes, 100);
    expect(result.range).toEqual({ start: 100, end: SIZE });
  });

  it.each([true, false])(
    'that begins behind the object is a StoreError 416; the server knows ranges: %s',
    async (knows) => {
      for (const start of [SIZE, SIZE + 1, 10 * SIZE]) {
        const server = await serve(ramp(SIZE), knows ? [] : [ignoreRange()]);
        const error = await failureOf(download(verb, server.url, { range: { start } }));
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ statusCode: 416 });
        expect(server.requests).toHaveLength(1);
      }
    },
  );

  it('is the same where only the end of the message tells the size', async () => {
    const unsized = () => serve(ramp(SIZE), [ignoreRange()], { noContentLength: true });
    const ranges: [{ start: number; end?: number }, number][] = [
      [{ start: 100 }, SIZE],
      [{ start: 100, end: 3 * PART }, 3 * PART],
      [{ start: 100, end: SIZE + 5000 }, SIZE],
    ];
    for (const [range, end] of ranges) {
      const { bytes, result } = await download(verb, (await unsized()).url, { range });
      expect(bytes.length).toBe(end - 100);
      expectRamp(bytes, 100);
      expect(result.range).toEqual({ start: 100, end });
    }
    for (const start of [SIZE, SIZE + 1, 10 * SIZE]) {
      const server = await unsized();
      expect(await failureOf(download(verb, server.url, { range: { start } }))).toMatchObject({ statusCode: 416 });
      expect(server.requests).toHaveLength(1);
    }
  });

  it('of an empty object is empty, and a StoreError 416 where it does not begin at 0', async () => {
    const server = await serve(ramp(0));
    expect((await download(verb, server.url, { range: { start: 0, end: 5 } })).bytes).toHaveLength(0);
    expect(await failureOf(download(verb, server.url, { range: { start: 1 } }))).toMatchObject({ statusCode: 416 });
  });

  it('is cut out of the whole object where the server ignores Range', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange()]);
    const { bytes } = await download(verb, server.url, { range: { start: 70_000, end: 3 * PART } });
    expect(bytes.length).toBe(3 * PART - 70_000);
    expectRamp(bytes, 70_000);
    expect(server.requests).toHaveLength(1);
  });
});

describe.each(VERBS)('%s from a server that ignores Range', (verb) => {
  it('takes one request, and knows the size all the same', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange()]);
    const { bytes, result, of } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ requests: 1, transferredBytes: SIZE, object: { size: SIZE } });
    expect(of('planned')).toEqual([{ parts: 1, resumedBytes: 0 }]);
  });

  it('asks again after a cut and skips what it has', async () => {
    const server = await serve(ramp(SIZE), [
      ignoreRange(),
      reset({ request: 1, afterBytes: 30_000 }),
      cut({ request: 2, afterBytes: 3 * PART }),
    ]);
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ requests: 3, retries: 2 });
    expect(server.requests.slice(1).map(({ headers }) => headers['if-match'])).toEqual(
      Array(2).fill(`"${ramp(SIZE).fingerprint}"`),
    );
  });

  it('fails when a cut comes before any new byte as often as the budget says', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange(), cut({ times: 99, afterBytes: 5000 })]);
    const error = await failureOf(
      download(verb, server.url, { retry: { attempts: 3, baseDelayMs: 1, maxDelayMs: 1 } }),
    );
    expect(error).toBeInstanceOf(PartFailedError);
    // The first one brought 5,000 bytes, so that it is not one of the three.
    expect(server.requests).toHaveLength(4);
  });

  it('uses an answer of the whole object from one edge among others', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange({ part: 3, times: 1 })]);
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result.retries).toBe(0);
    expect(rangesOf(server)).toHaveLength(6);
  });

  it('brings an object of unknown length, which only the end of the message tells', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange()], { noContentLength: true });
    const { bytes, result, of } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ object: { size: SIZE }, range: { start: 0, end: SIZE }, transferredBytes: SIZE });
    expect(of('progress').at(-1)).toMatchObject({ completedBytes: SIZE, totalBytes: SIZE, etaSeconds: 0 });
  });

  it('brings an empty object of unknown length', async () => {
    const server = await serve(ramp(0), [ignoreRange()], { noContentLength: true });
    const { bytes, result } = await download(verb, server.url);
    expect(bytes).toHaveLength(0);
    expect(result.object.size).toBe(0);
  });

  it('never takes a cut body of unknown length for a whole object', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange(), cut({ request: 1, afterBytes: 2 * PART })], {
      noContentLength: true,
    });
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result.retries).toBe(1);
  });

  it('a body whose end cannot be told from a cut connection is never taken for a whole object', async () => {
    const server = closeLater(
      await rawServer({
        respond: (_, socket) => void socket.end('HTTP/1.1 200 OK\r\nETag: "x"\r\nConnection: close\r\n\r\nhello'),
      }),
    );
    expect(await failureOf(download(verb, server.url))).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
    expect(server.requests).toHaveLength(2);
  });

  it('a refusal after the cut is told as it is', async () => {
    const server = await serve(ramp(SIZE), [
      ignoreRange(),
      cut({ request: 1, afterBytes: 30_000 }),
      status(410, { fromRequest: 2, times: 99 }),
    ]);
    expect(await failureOf(download(verb, server.url))).toMatchObject({ code: 'PS_ERR_NOT_FOUND', statusCode: 410 });
  });
});

describe('a reader that stops', () => {
  it('stops the server, too, when one response brings everything, and goes on whole', async () => {
    const size = 48 * MIB;
    const server = await serve(ramp(size), [ignoreRange()]);
    const stream = createDownloadStream(server.url, { ...QUICK, bufferBytes: MIB });
    stream.read(0);
    await once(stream, 'readable');
    let sent = -1;
    while (sent !== (server.requests[0]?.bytesSent ?? 0)) {
      sent = server.requests[0]?.bytesSent ?? 0;
      await pause(40);
    }
    // The budget, the two ends of the stream, and what the kernel holds between the two sockets.
    expect(sent).toBeLessThan(size / 2);
    let at = 0;
    for await (const chunk of stream) {
      expectRamp(chunk, at);
      at += chunk.length;
    }
    expect(at).toBe(size);
    expect(server.requests).toHaveLength(1);
  });

  it('gets no more requested than its budget, and goes on whole', async () => {
    const size = 40 * PART;
    const server = await serve(ramp(size));
    const stream = createDownloadStream(server.url, { ...QUICK, concurrency: 4, bufferBytes: 8 * PART });
    stream.read(0);
    await once(stream, 'readable');
    await pause(40);
    const asked = server.requests.length;
    // Eight parts of budget, and what the two ends of the stream have taken: 64 KiB and a chunk each.
    expect(asked).toBeGreaterThanOrEqual(8);
    expect(asked).toBeLessThanOrEqual(8 + 6);
    await pause(40);
    expect(server.requests).toHaveLength(asked);
    let at = 0;
    for await (const chunk of stream) {
      expectRamp(chunk, at);
      at += chunk.length;
    }
    expect(at).toBe(size);
  });

  it('is right when it stops and goes on a hundred times (T139)', async () => {
    const size = 30 * PART;
    const server = await serve(ramp(size), [latency({ upToMs: 2 })]);
    const stream = createDownloadStream(server.url, { ...QUICK, bufferBytes: 3 * PART });
    let at = 0;
    let stops = 0;
    stream.on('data', (chunk: Buffer) => {
      expectRamp(chunk, at);
      at += chunk.length;
      if (stops >= 100) return;
      stops += 1;
      stream.pause();
      setImmediate(() => stream.resume());
    });
    await once(stream, 'end');
    expect(at).toBe(size);
    expect(stops).toBeGreaterThan(20);
  });
});

describe.each(VERBS)('%s with maxBytesPerSecond', (verb) => {
  it.each([true, false])('holds the rate, and no pause counts as a stall; ranged: %s', async (ranged) => {
    const size = 4 * PART;
    const server = await serve(ramp(size), ranged ? [] : [ignoreRange()]);
    const rate = 2 * size;
    const { bytes, result } = await download(verb, server.url, {
      maxBytesPerSecond: rate,
      timeouts: { stallMs: 100 },
      concurrency: 2,
    });
    expectRamp(bytes);
    expect(bytes.length).toBe(size);
    expect(result.retries).toBe(0);
    // Half a second, less a burst of 100 ms and what comes last on each connection, behind which nothing has to wait.
    expect(result.elapsedMs).toBeGreaterThan(280);
    expect(result.elapsedMs).toBeLessThan(1200);
  });
});

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
