import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gzipSync } from 'node:zlib';
import { Agent } from 'undici';
import { describe, expect, it } from 'vitest';
import {
  createReassembler,
  type DownloadOptions,
  discoverObject,
  fetchParts,
  InvalidOptionError,
  type ObjectInfo,
  openCheckpointSink,
  type PlacedChunk,
  planParts,
} from '../../src/index.js';
import { changeObjectAfter } from '../fixtures/answer-faults.js';
import { closeAfterResponse, latency, reset, slowBody } from '../fixtures/connection-faults.js';
import { bytesObject, expectRamp, ramp, type TestObject } from '../fixtures/ramp.js';
import { failureOf, freshPath, PART, partRanges, pause, QUICK, rangesOf, recorder, serve } from './download-bench.js';

const SIZE = 10 * PART + 321;

/** A discovered object behind a server, with its parts; the request that discovered it is not among `ranges()`. */
async function discovered(object: TestObject, faults: Parameters<typeof serve>[1] = [], options = {}) {
  const server = await serve(object, [], options);
  const info = await discoverObject(server.url);
  server.requests.length = 0;
  server.setFaults(faults);
  return { server, object: info, parts: planParts({ start: 0, end: object.size }, { partSize: PART }) };
}

function collector() {
  const received: Buffer[] = [];
  const target = new Writable({
    write(bytes: Buffer, _encoding, done) {
      received.push(bytes);
      done();
    },
  });
  return { target, bytes: () => Buffer.concat(received) };
}

describe('fetchParts', () => {
  it('and a reassembler in a plain pipeline give the bytes of the object', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE), [
      reset({ probability: 0.3, seed: 3, afterBytes: 'random', times: 6 }),
      latency({ upToMs: 4 }),
    ]);
    const { target, bytes } = collector();
    await pipeline(fetchParts(server.url, object, parts, QUICK), createReassembler({ start: 0, end: SIZE }), target);
    expect(bytes().length).toBe(SIZE);
    expectRamp(bytes());
    expect(server.requests.every(({ headers }) => headers['if-match'] === object.etag)).toBe(true);
  });

  it("a caller's dispatcher is never paused for want of a reader, also where the server closes each connection", async () => {
    const { server, object, parts } = await discovered(ramp(SIZE), [closeAfterResponse()]);
    const dispatcher = new Agent();
    const { events, all } = recorder();
    const chunks = fetchParts(server.url, object, parts, { ...QUICK, concurrency: 4, events, dispatcher });
    const received: PlacedChunk[] = [];
    for await (const chunk of chunks as AsyncIterable<PlacedChunk>) {
      if (received.length < 20) await pause(5);
      received.push(chunk);
      chunk.release();
    }
    await dispatcher.destroy();
    expect(received.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(SIZE);
    expect(all.filter(({ name }) => name === 'partRetrying')).toEqual([]);
  });

  it('hold their connections, and fetch nothing twice, while the reader has enough', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE));
    const { events, all } = recorder();
    const chunks = fetchParts(server.url, object, parts, { ...QUICK, concurrency: 4, events });
    const received: PlacedChunk[] = [];
    for await (const chunk of chunks as AsyncIterable<PlacedChunk>) {
      if (received.length < 20) await pause(40);
      received.push(chunk);
      chunk.release();
    }
    received.sort((a, b) => a.offset - b.offset);
    expectRamp(Buffer.concat(received.map(({ bytes }) => bytes)));
    expect(all.filter(({ name }) => name === 'partHedged' || name === 'partRetrying')).toEqual([]);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
  });

  it('go through gunzip as documented', async () => {
    const text = Buffer.from(
      Array.from({ length: 60_000 }, (_, index) => `${createHash('md5').update(`${index}`).digest('hex')}\n`).join(''),
    );
    const packed = gzipSync(text);
    expect(packed.length).toBeGreaterThan(5 * PART);
    const { server, object, parts } = await discovered(bytesObject(packed));
    const { target, bytes } = collector();
    const range = { start: 0, end: packed.length };
    await pipeline(fetchParts(server.url, object, parts, QUICK), createReassembler(range), createGunzip(), target);
    expect(bytes().equals(text)).toBe(true);
  });

  it('and a checkpoint sink in a plain pipeline make a file', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE));
    const sink = await openCheckpointSink(freshPath(), object, { durability: 'none' });
    await pipeline(fetchParts(server.url, object, parts, QUICK), sink);
    await sink.publish();
    const bytes = await readFile(sink.path);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
  });

  it('the memory of a chunk that code of others may have seen is never read into again', async () => {
    const { server, object, parts } = await discovered(ramp(300 * PART));
    const kept: PlacedChunk[] = [];
    const keep = new Transform({
      objectMode: true,
      transform(chunk: PlacedChunk, _encoding, done) {
        kept.push(chunk);
        done(null, chunk);
      },
    });
    const sink = await openCheckpointSink(freshPath(), object);
    await pipeline(fetchParts(server.url, object, parts, QUICK), keep, sink);
    await sink.publish();
    expect(kept.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(object.size);
    for (const { offset, bytes } of kept) expectRamp(bytes, offset);
  });

  it('fetches just the parts it is given', async () => {
    const { server, object } = await discovered(ramp(SIZE));
    const completed = [
      { start: 0, end: 100 },
      { start: 2 * PART, end: 9 * PART },
    ];
    const parts = planParts({ start: 0, end: SIZE }, { partSize: PART, completed });
    const chunks: PlacedChunk[] = [];
    for await (const chunk of fetchParts(server.url, object, parts, QUICK)) chunks.push(chunk);
    for (const { offset, bytes } of chunks) expectRamp(bytes, offset);
    expect(rangesOf(server)).toEqual(parts.map(({ start, end }) => `${start}-${end}`));
    expect(chunks.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(2 * PART - 100 + PART + 321);
  });

  it('asks for nothing before the first read, and ends at once for no parts', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE));
    const idle = fetchParts(server.url, object, parts, QUICK);
    await pause(10);
    expect(server.requests).toEqual([]);
    idle.destroy();
    await once(idle, 'close');
    expect(await fetchParts(server.url, object, [], QUICK).toArray()).toEqual([]);
    expect(server.requests).toEqual([]);
  });

  it('requests no more than its budget until chunks are released, in ascending order', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE), [latency({ upToMs: 3 })]);
    const budget = 3 * PART;
    const stream = fetchParts(server.url, object, parts, { ...QUICK, bufferBytes: budget, concurrency: 3 });
    const held: PlacedChunk[] = [];
    const seen: PlacedChunk[] = [];
    stream.on('data', (chunk: PlacedChunk) => {
      held.push(chunk);
      seen.push(chunk);
    });
    const heldBytes = () => held.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (let expected = 3; expected < parts.length; expected += 1) {
      await expect
        .poll(heldBytes, { interval: 2 })
        .toBe(Math.min(budget, (parts.at(-1)?.end ?? 0) - (expected - 3) * PART));
      await pause(10);
      // An unreleased budget stops the requests.
      expect(server.requests).toHaveLength(expected);
      expect(rangesOf(server)).toEqual(partRanges(SIZE).slice(0, expected));
      held.sort((a, b) => a.offset - b.offset);
      for (let released = 0; released < PART; ) {
        const chunk = held.shift();
        chunk?.release();
        chunk?.release();
        released += chunk?.bytes.length ?? 0;
      }
    }
    stream.on('data', (chunk: PlacedChunk) => chunk.release());
    for (const chunk of held.splice(0)) chunk.release();
    await once(stream, 'end');
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
    const all = Buffer.concat(seen.sort((a, b) => a.offset - b.offset).map(({ bytes }) => bytes));
    expect(all.length).toBe(SIZE);
    expectRamp(all);
  });

  it('feeds a Writable of your own that calls release(), within a budget less than one part', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE));
    let written = 0;
    let most = 0;
    let held = 0;
    const target = new Writable({
      objectMode: true,
      write({ offset, bytes, release }: PlacedChunk, _encoding, done) {
        expectRamp(bytes, offset);
        written += bytes.length;
        held += bytes.length;
        most = Math.max(most, held);
        setImmediate(() => {
          held -= bytes.length;
          release();
          done();
        });
      },
    });
    await pipeline(fetchParts(server.url, object, parts, { ...QUICK, bufferBytes: 65_536 }), target);
    expect(written).toBe(SIZE);
    expect(most).toBeLessThanOrEqual(65_536);
    // A part larger than the budget is fetched by several ranged GETs.
    expect(server.requests).toHaveLength(2 * 10 + 1);
  });

  it('lets the head of an ordered stream never starve, whatever lies behind it', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE), [
      slowBody({ part: 0, bytesPerSecond: 400_000 }),
      latency({ part: 3, ms: 60 }),
    ]);
    const { target, bytes } = collector();
    const options = { ...QUICK, bufferBytes: 2 * PART, concurrency: 8 };
    await pipeline(fetchParts(server.url, object, parts, options), createReassembler({ start: 0, end: SIZE }), target);
    expectRamp(bytes());
    expect(bytes().length).toBe(SIZE);
  });

  it('stops every request when the pipeline fails downstream', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE), [slowBody({ bytesPerSecond: 100_000 })]);
    const failing = new Transform({ objectMode: true, transform: (_chunk, _encoding, done) => done(new Error('no')) });
    await expect(pipeline(fetchParts(server.url, object, parts, QUICK), failing, collector().target)).rejects.toThrow(
      'no',
    );
    await expect.poll(() => server.openSockets(), { interval: 5, timeout: 250 }).toBeLessThanOrEqual(1);
    const { length } = server.requests;
    await pause(20);
    expect(server.requests).toHaveLength(length);
  });

  it('rejects the pipeline with signal.reason', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE), [slowBody({ bytesPerSecond: 100_000 })]);
    const controller = new AbortController();
    const stream = fetchParts(server.url, object, parts, { ...QUICK, signal: controller.signal });
    const running = failureOf(pipeline(stream, createReassembler({ start: 0, end: SIZE }), collector().target));
    await expect.poll(() => server.requests.length).toBeGreaterThan(0);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await running).toBe(reason);
  });

  it('fetches nothing of another version than the one that was discovered', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE), [changeObjectAfter({ requests: 0 })]);
    const running = pipeline(
      fetchParts(server.url, object, parts, QUICK),
      createReassembler({ start: 0, end: SIZE }),
      collector().target,
    );
    expect(await failureOf(running)).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED' });
  });

  it('announces its parts', async () => {
    const { server, object, parts } = await discovered(ramp(SIZE));
    const { events, all } = recorder();
    for await (const chunk of fetchParts(server.url, object, parts, { ...QUICK, events })) chunk.release();
    const completed = all.filter(({ name }) => name === 'partCompleted').map(({ payload }) => payload);
    expect(completed).toHaveLength(11);
    expect(completed).toContainEqual({ part: parts[7] });
  });

  it('refuses parts that are not ascending or not of the object, and several without a strong ETag', async () => {
    const object = { size: 100, etag: '"x"', metadata: {}, headers: {} } as ObjectInfo;
    const wrong: unknown[] = [
      undefined,
      'all',
      [undefined],
      [{ index: 0, start: 0, end: 0 }],
      [{ index: 0, start: -1, end: 5 }],
      [{ index: 0, start: 0.5, end: 5 }],
      [{ index: 0, start: 0, end: 101 }],
      [
        { index: 0, start: 50, end: 60 },
        { index: 1, start: 0, end: 10 },
      ],
      [
        { index: 0, start: 0, end: 60 },
        { index: 1, start: 59, end: 70 },
      ],
    ];
    const url = 'http://127.0.0.1:9/x';
    for (const parts of wrong) {
      expect(() => fetchParts(url, object, parts as never)).toThrow(expect.objectContaining({ option: 'parts' }));
    }
    const two = planParts({ start: 0, end: 100 }, { partSize: 50 });
    for (const etag of ['W/"x"', undefined]) {
      const { etag: _, ...rest } = object;
      const unvalidated = { ...rest, ...(etag && { etag }) };
      expect(() => fetchParts(url, unvalidated, two)).toThrow(InvalidOptionError);
      fetchParts(url, unvalidated, two.slice(0, 1)).destroy();
      fetchParts(url, unvalidated, two, { allowUnvalidated: true }).destroy();
    }
    const misspelt = { concurency: 1 } as DownloadOptions;
    expect(() => fetchParts(url, object, two, misspelt)).toThrow(expect.objectContaining({ option: 'concurency' }));
  });
});
