import { describe, expect, it } from 'vitest';
import type { DownloadOptions } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, VERBS } from './download-bench.js';
import { type Asked, answering, chunks, head, trueAnswer } from './raw-answers.js';

const SIZE = 2 * PART + 1234;
const DATA = ramp(SIZE).slice();
const CUT_AT = 100_000;

const ETAGS: [string, string[]][] = [
  ['a strong ETag', ['ETag: "e1"']],
  ['a weak ETag', ['ETag: W/"e1"']],
  ['no ETag', []],
];

describe.each(VERBS)('%s of an object whose size only the end of a cut answer tells', (verb) => {
  describe.each(ETAGS)('with %s', (_what, etag) => {
    /** The first answer has no length, and loses its end; `next` gives all later ones. */
    const serve = (arrived: number, next: (asked: Asked) => (string | Buffer)[], isClosed = false) =>
      answering((asked, socket) => {
        if (asked.number > 1) {
          for (const bytes of next(asked)) socket.write(bytes);
          if (isClosed) socket.end();
          return;
        }
        socket.write(head('200 OK', ...etag, 'Transfer-Encoding: chunked'));
        socket.write(chunks(DATA.subarray(0, arrived), false), () => setTimeout(() => socket.destroy(), 5));
      });
    const sized = (body: Buffer) => () => [head('200 OK', ...etag, `Content-Length: ${body.length}`), body];
    const unsized = (body: Buffer) => () => [head('200 OK', ...etag, 'Transfer-Encoding: chunked'), chunks(body)];
    const run = (url: string, options: DownloadOptions = {}) =>
      download(verb, url, { retry: { attempts: 3, baseDelayMs: 1, maxDelayMs: 1 }, ...options });

    it.each([
      ['of which only the last chunk was lost, by one with a length', SIZE, sized(DATA)],
      ['of which only the last chunk was lost, by one without', SIZE, unsized(DATA)],
      ['that was cut in the middle, by one with a length', CUT_AT, sized(DATA)],
      ['that was cut in the middle, by one without', CUT_AT, unsized(DATA)],
    ] as const)('finishes an answer %s', async (_which, arrived, next) => {
      const server = await serve(arrived, next);
      const { bytes, result } = await run(server.url);
      expect(bytes.equals(DATA)).toBe(true);
      expect(result).toMatchObject({ requests: 2, object: { size: SIZE }, range: { start: 0, end: SIZE } });
    });

    it.each([
      ['with a length', sized],
      ['without', unsized],
    ])('calls a shorter complete one another object: %s', async (_which, answer) => {
      const server = await serve(CUT_AT, answer(DATA.subarray(0, 60_000)));
      expect(await failureOf(run(server.url))).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED' });
      expect(server.requests).toHaveLength(2);
    });

    it.each([
      ['with a length', sized],
      ['without', unsized],
    ])('calls a range behind the end unsatisfiable: %s', async (_which, answer) => {
      const server = await serve(CUT_AT, answer(DATA));
      const error = await failureOf(run(server.url, { range: { start: SIZE + 1000 } }));
      expect(error).toMatchObject({ statusCode: 416, storeCode: 'InvalidRange' });
    });

    it.each([
      ['with a length', sized],
      ['without', unsized],
    ])('brings a range that begins behind the cut: %s', async (_which, answer) => {
      const server = await serve(CUT_AT, answer(DATA));
      const { bytes } = await run(server.url, { range: { start: CUT_AT + 1, end: SIZE - 5 } });
      expect(bytes.equals(DATA.subarray(CUT_AT + 1, SIZE - 5))).toBe(true);
    });

    it('a body whose end cannot be told from a cut connection is never taken for a whole object', async () => {
      const body = DATA.subarray(0, CUT_AT + 50_000);
      const server = await serve(CUT_AT, () => [head('200 OK', ...etag, 'Connection: close'), body], true);
      expect(await failureOf(run(server.url))).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
    });
  });

  it('says in the error of a part that has no end yet', async () => {
    const server = await answering((_asked, socket) => {
      socket.write(head('200 OK', 'ETag: "e1"', 'Transfer-Encoding: chunked'));
      socket.write(chunks(DATA.subarray(0, CUT_AT), false), () => setTimeout(() => socket.destroy(), 5));
    });
    const error = await failureOf(download(verb, server.url, { retry: { attempts: 2, baseDelayMs: 1 } }));
    expect(error).toMatchObject({
      code: 'PS_ERR_PART_FAILED',
      message: expect.stringMatching(/^bytes 0-the end failed/),
    });
    expect(String(error)).not.toContain('Infinity');
  });

  it('continues one that tells its size by then, where it is cut once more', async () => {
    const server = await answering((asked, socket) => {
      const answer = trueAnswer({ ...asked, range: undefined }, DATA, 'ETag: "e1"');
      if (asked.number === 1) {
        socket.write(head('200 OK', 'ETag: "e1"', 'Transfer-Encoding: chunked'));
        socket.write(chunks(DATA.subarray(0, 50_000), false), () => setTimeout(() => socket.destroy(), 5));
      } else if (asked.number === 2)
        socket.write(answer.subarray(0, CUT_AT), () => setTimeout(() => socket.destroy(), 5));
      else socket.write(answer);
    });
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.equals(DATA)).toBe(true);
    expect(result.requests).toBe(3);
  });
});
