/** What fetchParts is given stays the caller's: it is copied, checked as a whole, and counted anew. */

import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  discoverObject,
  fetchParts,
  InvalidOptionError,
  type ObjectInfo,
  type Part,
  type PlacedChunk,
  planParts,
} from '../../src/index.js';
import { changeObjectAfter } from '../fixtures/answer-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { failureOf, PART, partRanges, pause, QUICK, rangesOf, recorder, serve } from './download-bench.js';

const SIZE = 8 * PART + 5;
const whole = { start: 0, end: SIZE };

async function discovered() {
  const server = await serve(ramp(SIZE));
  const object = await discoverObject(server.url);
  server.requests.length = 0;
  return { server, object };
}

/** The bytes that come, in order. */
async function bytesOf(chunks: AsyncIterable<PlacedChunk>): Promise<Buffer> {
  const received: PlacedChunk[] = [];
  for await (const chunk of chunks) {
    received.push(chunk);
    chunk.release();
  }
  received.sort((a, b) => a.offset - b.offset);
  return Buffer.concat(received.map(({ bytes }) => bytes));
}

describe('the parts of fetchParts', () => {
  it.each<[string, (parts: Part[]) => void]>([
    ['cut short', (parts) => parts.splice(1)],
    ['emptied', (parts) => parts.splice(0)],
    ['reversed', (parts) => parts.reverse()],
    ['made longer', (parts) => parts.push({ index: 99, start: 0, end: 10 })],
    [
      'changed each',
      (parts) => {
        for (const part of parts) Object.assign(part, { start: 1, end: 2, index: 7 });
      },
    ],
  ])('are those of the call, also where the array is %s afterwards', async (_how, change) => {
    const { server, object } = await discovered();
    const { events, all } = recorder();
    const parts = planParts(whole, { partSize: PART }).map((part) => ({ ...part }));
    const chunks = fetchParts(server.url, object, parts, { ...QUICK, events });
    change(parts);
    const bytes = await bytesOf(chunks);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
    const completed = all.filter(({ name }) => name === 'partCompleted').map(({ payload }) => payload);
    expect(completed).toContainEqual({ part: { index: 3, start: 3 * PART, end: 4 * PART } });
  });

  it('may be two plans, one after the other: each part has a number of its own and is announced once', async () => {
    const { server, object } = await discovered();
    const { events, all } = recorder();
    const first = planParts({ start: 0, end: 2 * PART }, { partSize: PART });
    const second = planParts({ start: 5 * PART, end: SIZE }, { partSize: PART });
    expect(second[0]?.index).toBe(0);
    const given = [...first, ...second];
    const bytes = await bytesOf(fetchParts(server.url, object, given, { ...QUICK, events }));
    expectRamp(bytes.subarray(0, 2 * PART));
    expectRamp(bytes.subarray(2 * PART), 5 * PART);
    const expected = given.map(({ start, end }, index) => ({ index, start, end }));
    for (const announced of ['partStarted', 'partCompleted']) {
      const parts = all.filter(({ name }) => name === announced).map(({ payload }) => (payload as { part: Part }).part);
      expect(parts.sort((a, b) => a.start - b.start)).toEqual(expected);
    }
    // What was given is as it was.
    expect(second[0]?.index).toBe(0);
  });

  it('may be hundreds of thousands', async () => {
    const size = 200_000;
    const server = await serve(ramp(size));
    const object = await discoverObject(server.url);
    const parts = planParts({ start: 0, end: size }, { partSize: 1 });
    expect(parts).toHaveLength(size);
    const received: PlacedChunk[] = [];
    for await (const chunk of fetchParts(server.url, object, parts, QUICK) as AsyncIterable<PlacedChunk>) {
      received.push(chunk);
      if (received.length === 10) break;
    }
    for (const { offset, bytes } of received) expectRamp(bytes, offset);
  });

  it.each([
    ['in front', [undefined, { index: 0, start: 0, end: 5 }]],
    ['behind', [{ index: 0, start: 0, end: 5 }, undefined]],
  ])('must have no hole %s', (_where, parts) => {
    const holed: Part[] = new Array(2);
    for (const [index, part] of parts.entries()) if (part !== undefined) holed[index] = part;
    const object: ObjectInfo = { size: 100, etag: '"x"', metadata: {}, headers: {} };
    const refusal = expect.objectContaining({ name: InvalidOptionError.name, option: 'parts' });
    expect(() => fetchParts('http://127.0.0.1:9/x', object, holed)).toThrow(refusal);
    expect(() => fetchParts('http://127.0.0.1:9/x', object, new Array(3))).toThrow(refusal);
  });
});

describe('the object of fetchParts', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['without a size', { etag: '"x"', metadata: {}, headers: {} }],
    ['of unknown size', { size: Number.NaN, etag: '"x"', metadata: {}, headers: {} }],
    ['without headers', { size: 100, etag: '"x"' }],
    ['with headers null', { size: 100, etag: '"x"', headers: null }],
    ['with a text as headers', { size: 100, etag: '"x"', headers: 'etag' }],
  ])('is refused: one that is %s', (_what, object) => {
    const parts = planParts({ start: 0, end: 100 }, { partSize: 50 });
    const { signal } = new AbortController();
    expect(() => fetchParts('http://127.0.0.1:9/x', object as ObjectInfo, parts, { signal })).toThrow(
      expect.objectContaining({ name: InvalidOptionError.name, option: 'object' }),
    );
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('that was replaced is announced once, however many parts find it out', async () => {
    const { server, object } = await discovered();
    server.setFaults([changeObjectAfter({ requests: 0, object: ramp(SIZE, 7) })]);
    const { events, all } = recorder();
    const parts = planParts(whole, { partSize: PART });
    const error = await failureOf(bytesOf(fetchParts(server.url, object, parts, { ...QUICK, concurrency: 6, events })));
    expect(error).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED' });
    await pause(20);
    const changes = all.filter(({ name }) => name === 'objectChanged').map(({ payload }) => payload);
    expect(changes).toEqual([{ expected: object.etag, actual: `"${ramp(SIZE, 7).fingerprint}"` }]);
  });
});
