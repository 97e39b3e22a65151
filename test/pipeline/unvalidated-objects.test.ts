import { describe, expect, it } from 'vitest';
import {
  type DownloadOptions,
  discoverObject,
  fetchParts,
  InvalidOptionError,
  ObjectChangedError,
  type Part,
  planParts,
} from '../../src/index.js';
import { changeObjectAfter, header, ignoreRange, shortRange } from '../fixtures/answer-faults.js';
import { cut, stall } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, QUICK, serve, VERBS } from './download-bench.js';

const CUT_AT = 400_000;
/** Nothing but the bytes tells that it is another object. */
const SILENT = [header('Last-Modified', undefined)];
const KINDS = [
  ['no ETag', { noEtag: true }],
  ['a weak ETag', { etag: 'W/"same"' }],
] as const;

/** The first response would bring all of it: the default part is larger. */
const WHOLE: DownloadOptions = { partSize: undefined, timeouts: { stallMs: 100 } };

describe.each(VERBS)('%s of an object whose first ranged GET covers all of it', (verb) => {
  describe.each(KINDS)('with %s', (_kind, options) => {
    it.each([
      ['is cut', 1_000_000, cut({ request: 1, afterBytes: CUT_AT })],
      ['is cut', 3_000_000, cut({ request: 1, afterBytes: CUT_AT })],
      ['falls silent', 1_000_000, stall({ request: 1, afterBytes: CUT_AT })],
    ])(
      'goes on when that %s (%i bytes): where no ETag tells versions apart, an answer that brings all is only continued behind its own bytes',
      async (_how, size, fault) => {
        const unchanged = await serve(ramp(size), [fault, ...SILENT], options);
        const { bytes } = await download(verb, unchanged.url, WHOLE);
        expect(bytes.length).toBe(size);
        expectRamp(bytes);

        const replacement = changeObjectAfter({ requests: 1, object: ramp(size, 100), etag: 'W/"same"' });
        const replaced = await serve(ramp(size), [fault, ...SILENT, replacement], options);
        const error = await failureOf(download(verb, replaced.url, WHOLE));
        expect(error).toBeInstanceOf(ObjectChangedError);
        expect(error).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED' });
      },
    );
  });
});

describe.each(VERBS)(
  '%s of a range of an object without an ETag that is cut, from a server that ignores ranges by then',
  (verb) => {
    it('goes on behind its own bytes, wherever in the object they are, and only behind them', async () => {
      const range = { start: 100_000, end: 900_000 };
      const faults = [cut({ request: 1, afterBytes: CUT_AT }), ignoreRange({ fromRequest: 2 }), ...SILENT];
      const unchanged = await serve(ramp(1_000_000), faults, { noEtag: true });
      const { bytes } = await download(verb, unchanged.url, { ...WHOLE, range });
      expect(bytes.length).toBe(800_000);
      expectRamp(bytes, range.start);
      const replacement = changeObjectAfter({ requests: 1, object: ramp(1_000_000, 100) });
      const replaced = await serve(ramp(1_000_000), [...faults, replacement], { noEtag: true });
      expect(await failureOf(download(verb, replaced.url, { ...WHOLE, range }))).toBeInstanceOf(ObjectChangedError);
    });
  },
);

describe.each(KINDS)('fetchParts of an object with %s', (_kind, options) => {
  /** Rejects with what it throws, too. */
  async function fetchAll(url: string, parts: (size: number) => Part[], more: DownloadOptions): Promise<Buffer> {
    const object = await discoverObject(url);
    const chunks: Buffer[] = [];
    for await (const { bytes, release } of fetchParts(url, object, parts(object.size), more)) {
      chunks.push(bytes);
      release();
    }
    return Buffer.concat(chunks);
  }
  const onePart = (size: number) => planParts({ start: 0, end: size }, { partSize: size });

  it('refuses a part of several requests: bytes of two responses are put together only where they are known to be of one version', async () => {
    const server = await serve(ramp(1_000_000), SILENT, options);
    const error = await failureOf(fetchAll(server.url, onePart, { bufferBytes: 500_000, concurrency: 2 }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'allowUnvalidated' });
    // The one that discovered the object.
    expect(server.requests).toHaveLength(1);
  });

  it('a cut body of an object that could be another one by now is not continued', async () => {
    const server = await serve(ramp(PART), [cut({ request: 2, afterBytes: 50_000 }), ...SILENT], options);
    await failureOf(fetchAll(server.url, onePart, QUICK));
    expect(server.requests.filter(({ range }) => (range?.start ?? 0) > 0)).toEqual([]);
  });

  it('nor is one that truthfully brings less', async () => {
    const server = await serve(ramp(PART), [shortRange({ request: 2, maxBytes: 50_000 }), ...SILENT], options);
    expect(await failureOf(fetchAll(server.url, onePart, QUICK))).toMatchObject({ code: 'PS_ERR_PART_FAILED' });
    expect(server.requests.filter(({ range }) => (range?.start ?? 0) > 0)).toEqual([]);
  });
});
