/** Chunks of fetchParts are their reader's own: he may keep them, write into them, or transfer their memory. */

import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent } from 'undici';
import { describe, expect, it } from 'vitest';
import { createReassembler, discoverObject, fetchParts, type PlacedChunk, planParts } from '../../src/index.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { closeLater, failureOf, PART, partRanges, QUICK, rangesOf, recorder, serve } from './download-bench.js';

const SIZE = 20 * PART + 321;
const whole = { start: 0, end: SIZE };

async function discovered() {
  const server = await serve(ramp(SIZE));
  const object = await discoverObject(server.url);
  server.requests.length = 0;
  return { server, object, parts: planParts(whole, { partSize: PART }) };
}

/** What remains of a buffer whose memory went to another thread. */
function transfer(bytes: Uint8Array): void {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
  expect(bytes.length).toBe(0);
}

describe('chunks of fetchParts whose memory is transferred', () => {
  it.each([
    ['before they are released', {}, true],
    ['after they were released', {}, false],
    ["before they are released, behind a caller's dispatcher", { dispatcher: new Agent() }, true],
    ['before they are released, one connection after the other', { concurrency: 1 }, true],
    ['before they are released, within a budget of three parts', { bufferBytes: 3 * PART }, true],
  ])('%s: every byte comes, each once, over connections that nobody cut', async (_when, options, isFirst) => {
    const { server, object, parts } = await discovered();
    const { events, all } = recorder();
    const received: { offset: number; bytes: Buffer }[] = [];
    for await (const chunk of fetchParts(server.url, object, parts, { ...QUICK, ...options, events })) {
      const { offset, bytes } = chunk as PlacedChunk;
      received.push({ offset, bytes: Buffer.from(bytes) });
      if (isFirst) transfer(bytes);
      chunk.release();
      if (!isFirst) transfer(bytes);
    }
    if ('dispatcher' in options) closeLater(options.dispatcher as Agent);
    received.sort((a, b) => a.offset - b.offset);
    const bytes = Buffer.concat(received.map((chunk) => chunk.bytes));
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(all.filter(({ name }) => name === 'partRetrying' || name === 'partHedged')).toEqual([]);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
  });

  it('release() gives the budget back, all of it and once', async () => {
    const { server, object, parts } = await discovered();
    const budget = 2 * PART;
    const stream = fetchParts(server.url, object, parts, { ...QUICK, bufferBytes: budget });
    const held: { chunk: PlacedChunk; byteCount: number }[] = [];
    let most = 0;
    let seen = 0;
    const target = new Writable({
      objectMode: true,
      write(chunk: PlacedChunk, _encoding, done) {
        const byteCount = chunk.bytes.length;
        seen += byteCount;
        transfer(chunk.bytes);
        held.push({ chunk, byteCount });
        const heldBytes = held.reduce((sum, one) => sum + one.byteCount, 0);
        most = Math.max(most, heldBytes);
        // All that there may be: only then is anything given back.
        if (heldBytes >= budget || seen === SIZE) {
          for (const one of held.splice(0)) {
            one.chunk.release();
            one.chunk.release();
          }
        }
        done();
      },
    });
    await pipeline(stream, target);
    expect(seen).toBe(SIZE);
    expect(most).toBe(budget);
  });

  it('go through a reassembler and a web stream of bytes, which takes the memory of what it is given', async () => {
    const { server, object, parts } = await discovered();
    const { events, all } = recorder();
    const chunks = fetchParts(server.url, object, parts, { ...QUICK, bufferBytes: 4 * PART, events });
    const ordered = chunks.pipe(createReassembler(whole));
    chunks.on('error', (error) => ordered.destroy(error));
    const iterator = ordered[Symbol.asyncIterator]();
    const given: Uint8Array[] = [];
    const web = new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else {
          given.push(value);
          controller.enqueue(value);
        }
      },
    });
    const received: Buffer[] = [];
    for await (const bytes of Readable.fromWeb(web as never)) received.push(bytes);
    expect(Buffer.concat(received).length).toBe(SIZE);
    expectRamp(Buffer.concat(received));
    expect(given.every(({ length }) => length === 0)).toBe(true);
    expect(all.filter(({ name }) => name === 'partRetrying')).toEqual([]);
  });

  it('may be written into, and what was kept of others stays what it was', async () => {
    const { server, object, parts } = await discovered();
    const kept: PlacedChunk[] = [];
    let count = 0;
    for await (const chunk of fetchParts(server.url, object, parts, QUICK)) {
      count += 1;
      if (count % 2 === 0) kept.push(chunk);
      else chunk.bytes.buffer.byteLength === chunk.bytes.length && chunk.bytes.fill(0xff);
      chunk.release();
    }
    expect(kept.length).toBeGreaterThan(1);
    for (const { offset, bytes } of kept) expectRamp(bytes, offset);
  });

  it('have memory of their own each, and none to recycle', async () => {
    const { server, object, parts } = await discovered();
    const memory = new Set<unknown>();
    let count = 0;
    for await (const chunk of fetchParts(server.url, object, parts, QUICK) as AsyncIterable<PlacedChunk>) {
      count += 1;
      memory.add(chunk.bytes.buffer);
      expect(chunk.bytes.buffer.byteLength).toBe(chunk.bytes.length);
      expect(chunk.recycle).toBeUndefined();
      chunk.release();
    }
    expect(memory.size).toBe(count);
  });

  it('do not keep the stream from being ended', async () => {
    const { server, object, parts } = await discovered();
    const controller = new AbortController();
    const stream = fetchParts(server.url, object, parts, { ...QUICK, signal: controller.signal });
    const failed = failureOf(
      (async () => {
        for await (const chunk of stream) {
          transfer(chunk.bytes);
          controller.abort(new Error('enough'));
        }
      })(),
    );
    expect(await failed).toBe(controller.signal.reason);
    if (!stream.closed) await once(stream, 'close');
  });
});
