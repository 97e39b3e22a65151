import { describe, expect, it } from 'vitest';
import { http, type ObjectSource, type RequestContext } from '../../src/index.js';
import { ignoreRange, status } from '../fixtures/answer-faults.js';
import { chunked, cut, resetHeaders } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, PART, serve, VERBS } from './download-bench.js';

const SIZE = 5 * PART + 1234;

/** The same source, that notes what it was asked for. */
function noting(url: string) {
  const inner = http(url);
  const asked: RequestContext[] = [];
  const source: ObjectSource = {
    identity: inner.identity,
    name: inner.name,
    request(context) {
      asked.push(context);
      return inner.request(context);
    },
  };
  return { source, asked };
}

describe.each(VERBS)('%s counts the requests for a part', (verb) => {
  it('from 1, and the one behind a cut body is the second', async () => {
    const server = await serve(ramp(SIZE), [cut({ part: 2, afterBytes: 30_000 })]);
    const { source, asked } = noting(server.url);
    const { bytes, of } = await download(verb, source, { concurrency: 2, hedge: false });
    expectRamp(bytes);
    const part = { index: 2, start: 2 * PART, end: 3 * PART };
    expect(of('partRetrying')).toMatchObject([{ part, attempt: 2 }]);
    const starts = of('partStarted').filter((started) => started.part.index === 2);
    expect(starts).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
    const ofPart = asked.filter(({ headers }) => headers.range?.endsWith(`-${3 * PART - 1}`));
    expect(ofPart.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('also those that are not charged: with a fresh URL, and on a fresh connection', async () => {
    const server = await serve(ramp(SIZE), [
      status(403, { part: 1, code: 'ExpiredToken' }),
      resetHeaders({ part: 1, fromRequest: 3 }),
    ]);
    const { source, asked } = noting(server.url);
    const { bytes, of } = await download(verb, source, { concurrency: 1, hedge: false });
    expectRamp(bytes);
    expect(of('partStarted').flatMap(({ part, attempt }) => (part.index === 1 ? [attempt] : []))).toEqual([1, 2, 3]);
    expect(of('partRetrying').map(({ attempt }) => attempt)).toEqual([2, 3]);
    const ofPart = asked.filter(({ headers }) => headers.range?.startsWith(`bytes=${PART}-`));
    expect(ofPart.map(({ attempt, reason }) => `${attempt} ${reason}`)).toEqual(['1 first', '2 expired', '3 first']);
  });
});

describe.each(VERBS)('%s announces no part before its plan', (verb) => {
  it.each([
    ['is refused twice', [status(503, { request: 1 }), status(503, { request: 2 })], [2, 3]],
    ['is refused twice, of a plain object', [ignoreRange(), status(503, { times: 2 })], [2, 3]],
  ])('when the first request %s', async (_how, faults, retried) => {
    const server = await serve(ramp(SIZE), faults);
    const { bytes, of, events } = await download(verb, server.url);
    expectRamp(bytes);
    const names = events.map(({ name }) => name);
    expect(names.filter((name) => name === 'planned')).toHaveLength(1);
    expect(names.indexOf('partStarted')).toBeGreaterThan(names.indexOf('planned'));
    expect(of('partRetrying').map(({ attempt }) => attempt)).toEqual(retried);
    const starts = of('partStarted').filter(({ part }) => part.index === 0);
    expect(starts.map(({ attempt }) => attempt)).toEqual([1]);
  });

  it.each([5 * PART, PART])('when the first of %i bytes are cut', async (size) => {
    const server = await serve(ramp(size), [cut({ request: 1, afterBytes: 1000 })]);
    const { bytes, of, events } = await download(verb, server.url);
    expect(bytes.length).toBe(size);
    expectRamp(bytes);
    const names = events.map(({ name }) => name);
    expect(names.indexOf('partStarted')).toBeGreaterThan(names.indexOf('planned'));
    expect(of('partRetrying').map(({ attempt }) => attempt)).toEqual([2]);
  });
});

describe.each(VERBS)('%s of an object whose size only its end tells', (verb) => {
  it.each([
    { start: 0, end: 200_000 },
    { start: 1000, end: 200_000 },
  ])('announces at last that all of $start-$end is there', async (range) => {
    const server = await serve(ramp(SIZE), [ignoreRange(), chunked()]);
    const { bytes, of } = await download(verb, server.url, { range });
    const length = range.end - range.start;
    expect(bytes.length).toBe(length);
    expectRamp(bytes, range.start);
    expect(of('progress').at(-1)).toMatchObject({ completedBytes: length, totalBytes: length, etaSeconds: 0 });
  });
});
