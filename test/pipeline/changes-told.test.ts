import { describe, expect, it } from 'vitest';
import { changeObjectAfter, ignoreRange } from '../fixtures/answer-faults.js';
import { cut, latency } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, recorder, serve, VERBS } from './download-bench.js';

const SIZE = 6 * PART;
const BOUND = `"${ramp(SIZE).fingerprint}"`;

describe.each(VERBS)('%s of an object that changes', (verb) => {
  it.each([
    ['a part', [changeObjectAfter({ requests: 2, etag: '"new"' })]],
    [
      'the rest of a plain GET that was cut',
      [ignoreRange(), cut({ request: 1, afterBytes: 2 * PART }), changeObjectAfter({ requests: 1, etag: '"new"' })],
    ],
  ])('tells the ETag that came with the 412 for %s', async (_what, faults) => {
    const server = await serve(ramp(SIZE), faults);
    const { events, all } = recorder();
    const error = await failureOf(download(verb, server.url, { events, concurrency: 1 }));
    expect(server.requests.at(-1)?.status).toBe(412);
    expect(error).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED', expectedEtag: BOUND, actualEtag: '"new"' });
    const told = all.filter(({ name }) => name === 'objectChanged').map(({ payload }) => payload);
    expect(told).toEqual([{ expected: BOUND, actual: '"new"' }]);
  });
});

describe("downloadFile with onObjectChanged: 'restart'", () => {
  it('announces no progress below what it has announced before', async () => {
    const server = await serve(ramp(SIZE), [
      changeObjectAfter({ requests: 4, object: ramp(SIZE, 100) }),
      // Progress is told every 100 ms: of four parts before the refusal, and of fewer behind it.
      latency({ request: 5, ms: 250 }),
      latency({ fromRequest: 6, ms: 60 }),
    ]);
    const options = { onObjectChanged: 'restart', concurrency: 1, hedge: false } as const;
    const { bytes, of } = await download('downloadFile', server.url, options);
    expectRamp(bytes, 0, 100);
    expect(of('objectChanged')).toHaveLength(1);
    const told = of('progress').map(({ completedBytes }) => completedBytes);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.length).toBeGreaterThan(2);
    expect(of('progress').at(-1)).toMatchObject({ completedBytes: SIZE, totalBytes: SIZE });
  });
});
