import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, serve, VERBS } from './download-bench.js';

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
