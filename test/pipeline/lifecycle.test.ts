import { getEventListeners, once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDownloadStream, discoverObject, downloadFile, http } from '../../src/index.js';
import { ignoreRange, redirect, status } from '../fixtures/answer-faults.js';
import { latency, slowBody, stall, stallHeaders } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, failureOf, freshPath, PART, pause, QUICK, recorder, serve, VERBS } from './download-bench.js';

const SIZE = 12 * PART;
const directory = mkdtempSync(join(tmpdir(), 'partstream-lifecycle-'));
afterAll(() => rmSync(directory, { recursive: true }));

const strays: unknown[] = [];
const onStray = (error: unknown) => void strays.push(error);
beforeEach(() => {
  process.on('unhandledRejection', onStray).on('warning', onStray);
});
afterEach(async () => {
  await pause(5);
  process.off('unhandledRejection', onStray).off('warning', onStray);
  expect(strays.splice(0)).toEqual([]);
});

describe('a download stream', () => {
  it('asks for nothing before the first read, pipe() or look at `object`', async () => {
    const server = await serve(ramp(SIZE));
    const stream = createDownloadStream(server.url, QUICK);
    void stream.result;
    void stream.events;
    await pause(20);
    expect(server.acceptedSockets()).toBe(0);
    stream.destroy();
    const looked = createDownloadStream(server.url, QUICK);
    expect(await looked.object).toMatchObject({ size: SIZE });
    looked.destroy();
  });

  it('gives `object` before the bytes and `result` behind them', async () => {
    const server = await serve(ramp(SIZE));
    const stream = createDownloadStream(server.url, QUICK);
    const order: string[] = [];
    const object = stream.object.then((info) => {
      order.push('object');
      return info;
    });
    stream.once('data', () => order.push('data'));
    stream.once('end', () => order.push('end'));
    void stream.result.then(() => order.push('result'));
    const result = await stream.result;
    expect(await object).toBe(result.object);
    expect(order).toEqual(['object', 'data', 'end', 'result']);
    expect(result.path).toBeUndefined();
    expect(result.elapsedMs).toBeGreaterThanOrEqual(0);
    expect(Object.isFrozen(result)).toBe(true);
  });

  it('rejects `object` and `result` with the failure, and nobody has to look at them', async () => {
    const server = await serve(ramp(SIZE), [status(404, { times: 99 })]);
    const stream = createDownloadStream(server.url, QUICK);
    const object = failureOf(stream.object);
    const [error] = await once(stream, 'error');
    expect(await object).toBe(error);
    expect(await failureOf(stream.result)).toBe(error);
    const unseen = createDownloadStream(server.url, QUICK);
    unseen.on('error', () => {});
    unseen.resume();
    await new Promise((resolve) => unseen.once('close', resolve));
  });

  it('a stream ends only after every byte was verified; a wrong one destroys it instead', async () => {
    const server = await serve(ramp(SIZE));
    const expectedChecksum = { algorithm: 'crc32', value: '00000000' } as const;
    const stream = createDownloadStream(server.url, { ...QUICK, expectedChecksum });
    let hasEnded = false;
    stream.on('end', () => {
      hasEnded = true;
    });
    stream.resume();
    const [error] = await once(stream, 'error');
    expect(error).toMatchObject({ code: 'PS_ERR_CHECKSUM' });
    expect(await failureOf(stream.result)).toBe(error);
    expect(hasEnded).toBe(false);
  });

  it('rejects `result` when it is destroyed before its end, with the reason', async () => {
    const server = await serve(ramp(SIZE));
    for (const reason of [undefined, new Error('enough')]) {
      const stream = createDownloadStream(server.url, QUICK);
      stream.on('error', () => {});
      await once(stream, 'readable');
      stream.destroy(reason);
      const error = await failureOf(stream.result);
      if (reason === undefined) expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
      else expect(error).toBe(reason);
      await expect(stream.object).resolves.toMatchObject({ size: SIZE });
    }
    const untouched = createDownloadStream(server.url, QUICK);
    untouched.destroy();
    expect(await failureOf(untouched.result)).toMatchObject({ name: 'AbortError' });
    expect(await failureOf(untouched.object)).toMatchObject({ name: 'AbortError' });
  });

  it('ends every request within 250 ms when it is destroyed midway (T135)', async () => {
    const server = await serve(ramp(SIZE), [slowBody({ bytesPerSecond: 100_000, fromRequest: 2 })]);
    const stream = createDownloadStream(server.url, QUICK);
    await once(stream, 'readable');
    await expect.poll(() => server.requests.length).toBe(5);
    stream.destroy();
    const startMs = performance.now();
    await once(stream, 'close');
    // The first connection is idle by now and lingers for the next download; those of running requests are gone.
    await expect.poll(() => server.openSockets(), { interval: 5 }).toBeLessThanOrEqual(1);
    expect(performance.now() - startMs).toBeLessThan(250);
    const { length } = server.requests;
    await pause(30);
    expect(server.requests).toHaveLength(length);
  });

  it('ends when its reader fails, and the failure is the one of the pipeline', async () => {
    const server = await serve(ramp(SIZE));
    const stream = createDownloadStream(server.url, QUICK);
    const failing = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
    await expect(pipeline(stream, failing)).rejects.toThrow('disk full');
    expect(await failureOf(stream.result)).toBeInstanceOf(Error);
  });

  it('can be left in the middle of a loop', async () => {
    const server = await serve(ramp(SIZE));
    const stream = createDownloadStream(server.url, QUICK);
    for await (const chunk of stream) {
      expectRamp(chunk);
      break;
    }
    expect(stream.destroyed).toBe(true);
    expect(await failureOf(stream.result)).toMatchObject({ name: 'AbortError' });
  });

  it('holds little and can be ended when its reader never reads (T134)', async () => {
    const server = await serve(ramp(400 * PART));
    const stream = createDownloadStream(server.url, { ...QUICK, bufferBytes: 6 * PART });
    await stream.object;
    await pause(40);
    const asked = server.requests.length;
    expect(asked).toBeLessThanOrEqual(6 + 4);
    stream.destroy();
    await failureOf(stream.result);
    await pause(20);
    expect(server.requests).toHaveLength(asked);
  });

  it('uses 64 connections without a warning (T152)', async () => {
    const server = await serve(ramp(130 * PART), [latency({ ms: 10 })]);
    const { signal } = new AbortController();
    const { bytes } = await download('createDownloadStream', server.url, { concurrency: 64, signal });
    expectRamp(bytes);
    expect(server.acceptedSockets()).toBe(64);
  });
});

describe.each(VERBS)('%s and its signal', (verb) => {
  const start = (url: string | ReturnType<typeof http>, signal: AbortSignal, options = {}) =>
    failureOf(download(verb, url, { signal, ...options }));

  it('aborted before the call means no network and no file (T132)', async () => {
    const server = await serve(ramp(SIZE));
    const reason = new Error('never mind');
    const { events, all } = recorder();
    const signal = AbortSignal.abort(reason);
    if (verb === 'downloadFile') {
      expect(await failureOf(downloadFile(server.url, join(directory, 'x'), { ...QUICK, signal, events }))).toBe(
        reason,
      );
      expect(readdirSync(directory)).toEqual([]);
    } else expect(await start(server.url, signal, { events })).toBe(reason);
    expect(server.acceptedSockets()).toBe(0);
    expect(all.map(({ name }) => name)).toEqual(['failed']);
  });

  const waitFor = (count: number) => (requests: unknown[]) => requests.length >= count;
  it.each([
    ['while it waits for the first head', [stallHeaders({ times: 99 })], {}, waitFor(1)],
    ['while it waits for other heads', [stallHeaders({ fromRequest: 2, times: 99 })], {}, waitFor(4)],
    ['while it waits for bytes', [stall({ times: 99, afterBytes: 5000 })], {}, waitFor(1)],
    ['while bytes come', [slowBody({ bytesPerSecond: 50_000 })], {}, waitFor(2)],
    [
      'while it waits before a retry',
      [status(503, { times: 99 })],
      { retry: { baseDelayMs: 60_000, maxDelayMs: 60_000 } },
      waitFor(1),
    ],
    ['while a rate limit holds it', [], { maxBytesPerSecond: 1000 }, waitFor(1)],
    ['while one response brings everything', [ignoreRange(), slowBody({ bytesPerSecond: 50_000 })], {}, waitFor(1)],
  ] as const)('aborted %s settles within 250 ms with its reason', async (_phase, faults, options, isReached) => {
    const server = await serve(ramp(SIZE), faults);
    const controller = new AbortController();
    const running = start(server.url, controller.signal, options);
    await expect.poll(() => isReached(server.requests), { interval: 2 }).toBe(true);
    await pause(20);
    const reason = new Error('enough');
    const startMs = performance.now();
    controller.abort(reason);
    expect(await running).toBe(reason);
    expect(performance.now() - startMs).toBeLessThan(250);
    await expect.poll(() => server.openSockets(), { interval: 5, timeout: 250 }).toBeLessThanOrEqual(1);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('aborted while it connects settles within 250 ms', async () => {
    const controller = new AbortController();
    const source = http('https://192.0.2.1/');
    // Nothing leaves: the dispatcher never answers.
    const dispatcher = { dispatch: () => true } as never;
    const running = start(source, controller.signal, { dispatcher });
    await pause(10);
    const startMs = performance.now();
    controller.abort();
    expect(await running).toBe(controller.signal.reason);
    expect(performance.now() - startMs).toBeLessThan(250);
  });

  it.each(['prepare', 'request', 'follow'] as const)(
    'whatever a source or its provider does, an aborted download settles: %s never does',
    async (method) => {
      const server = await serve(ramp(SIZE), [redirect({ to: '/elsewhere' })]);
      const controller = new AbortController();
      let isAsked = false;
      const never = () => {
        isAsked = true;
        return new Promise<never>(() => {});
      };
      const place = freshPath();
      const source = { ...http(server.url), [method]: never };
      // A stream has no use for prepare() without a spool.
      const options = verb === 'createDownloadStream' ? { spool: place } : {};
      const running = start(source, controller.signal, options);
      await expect.poll(() => isAsked, { interval: 2 }).toBe(true);
      controller.abort(new Error('enough'));
      expect(await running).toBe(controller.signal.reason);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    },
  );

  it('has one listener per download while it runs, and none after', async () => {
    const server = await serve(ramp(SIZE), [latency({ ms: 5 })]);
    const controller = new AbortController();
    const running = download(verb, server.url, { signal: controller.signal, concurrency: 8 });
    await expect.poll(() => server.requests.length, { interval: 1 }).toBeGreaterThan(4);
    expect(getEventListeners(controller.signal, 'abort').length).toBeLessThanOrEqual(2);
    await running;
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });
});

describe('downloadFile', () => {
  it('never takes a name from the server: Content-Disposition is not looked at (T126)', async () => {
    const server = await serve(ramp(100), [], {
      headers: { 'Content-Disposition': 'attachment; filename="../../evil"' },
    });
    const { path = '' } = await downloadFile(server.url, { directory }, QUICK);
    expect(path).toBe(join(directory, 'object.bin'));
    expect(readdirSync(directory)).toEqual(['object.bin']);
    expect(existsSync(join(dirname(dirname(directory)), 'evil'))).toBe(false);
    rmSync(path);
  });

  it('gives the absolute path of the file in its result', async () => {
    const server = await serve(ramp(100));
    const path = freshPath();
    const result = await downloadFile(server.url, path, QUICK);
    expect(result.path).toBe(path);
    expect(readdirSync(dirname(path)).filter((name) => name.includes(basename(path)))).toEqual([basename(path)]);
  });

  it('leaves no file and no record with checkpoint: false when it fails', async () => {
    const server = await serve(ramp(SIZE), [status(400, { fromRequest: 3, times: 99 })]);
    await failureOf(downloadFile(server.url, join(directory, 'y'), { ...QUICK, checkpoint: false }));
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('discoverObject', () => {
  it('costs one request for one byte and leaves nothing open', async () => {
    const server = await serve(ramp(SIZE), [], { contentType: 'text/plain' });
    const object = await discoverObject(server.url);
    expect(object).toMatchObject({ size: SIZE, etag: `"${ramp(SIZE).fingerprint}"`, contentType: 'text/plain' });
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=0-0']);
  });

  it('knows an empty object, one behind a server that ignores Range, and one without an ETag', async () => {
    expect(await discoverObject((await serve(ramp(0))).url)).toMatchObject({ size: 0 });
    expect(await discoverObject((await serve(ramp(SIZE), [ignoreRange()])).url)).toMatchObject({ size: SIZE });
    const plain = await serve(ramp(SIZE), [], { noEtag: true });
    expect(await discoverObject(plain.url)).toMatchObject({ size: SIZE });
    expect(plain.requests).toHaveLength(1);
  });

  it('fails as a download does', async () => {
    const server = await serve(ramp(SIZE), [status(404, { times: 99 })]);
    expect(await failureOf(discoverObject(server.url))).toMatchObject({ code: 'PS_ERR_NOT_FOUND' });
    const reason = new Error('never mind');
    expect(await failureOf(discoverObject(server.url, { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });
});
