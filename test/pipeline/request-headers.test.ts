import { describe, expect, it } from 'vitest';
import { http, type ObjectSource, type RequestContext } from '../../src/index.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, PART, partRanges, rangesOf, serve, VERBS } from './download-bench.js';

const SIZE = 3 * PART;

describe.each(VERBS)('the requests of %s', (verb) => {
  it("name the source's user agent, in whatever case it writes that, and ours where it has none", async () => {
    for (const [headers, expected] of [
      [{ 'user-agent': 'me/1' }, 'me/1'],
      [{ 'User-Agent': 'me/1' }, 'me/1'],
      [{}, 'partstream'],
    ] as const) {
      const server = await serve(ramp(SIZE));
      await download(verb, http(server.url, { headers }));
      expect(server.requests.map((request) => request.headers['user-agent'])).toEqual(Array(3).fill(expected));
    }
  });

  it("keep the pipeline's range, condition and encoding, in whatever case a source writes its own", async () => {
    const server = await serve(ramp(SIZE));
    const source: ObjectSource = {
      identity: 'test',
      name: 'x',
      request: async ({ headers }: RequestContext) => ({
        url: server.url,
        headers: {
          ...{ Range: 'bytes=0-0', 'Accept-Encoding': 'gzip', 'X-Own': 'yes' },
          // What the pipeline does not send itself is the source's business.
          ...(headers['if-match'] !== undefined && { 'If-Match': '"other"' }),
        },
      }),
    };
    const { bytes } = await download(verb, source, { concurrency: 1, hedge: false });
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
    for (const { rawHeaders, headers } of server.requests) {
      // None of them is there twice.
      const names = rawHeaders.map(([name]) => name.toLowerCase());
      expect(names).toEqual([...new Set(names)]);
      expect(headers).toMatchObject({ 'x-own': 'yes', 'accept-encoding': 'identity' });
    }
    const bound = `"${ramp(SIZE).fingerprint}"`;
    expect(server.requests.map(({ headers }) => headers['if-match'])).toEqual([undefined, bound, bound]);
  });
});
