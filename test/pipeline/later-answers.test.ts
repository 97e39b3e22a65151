/** Answers to the requests after the one that discovered the object, where a cache or an edge has its own ideas. */

import { describe, expect, it } from 'vitest';
import type { DownloadFileOptions } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, VERBS } from './download-bench.js';
import { type Asked, answering, chunks, head, trueAnswer } from './raw-answers.js';

const SIZE = 3 * PART + 77;
const BEFORE = ramp(SIZE).slice();
const ETAG = 'ETag: "before"';
const DATE = 'Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT';

/** Whole answers from the third request on; ranged ones before that. */
function ignoringRange(data: Buffer, headers: readonly string[], before: readonly string[], status = '200 OK') {
  return answering((asked: Asked, socket) => {
    if (asked.number < 3) socket.write(trueAnswer(asked, BEFORE, ...before));
    else socket.write(Buffer.concat([Buffer.from(head(status, `Content-Length: ${data.length}`, ...headers)), data]));
  });
}

describe.each(VERBS)('%s', (verb) => {
  const after = ramp(SIZE, 100).slice();
  const unvalidated: DownloadFileOptions = { allowUnvalidated: true };
  it.each<[string, Buffer, string[], string[], string, DownloadFileOptions]>([
    ['another ETag', after, ['ETag: "after"'], [ETAG], 'PS_ERR_OBJECT_CHANGED', {}],
    ['no ETag', after, [], [ETAG], 'PS_ERR_PROTOCOL', {}],
    ['an ETag where there was none', after, ['ETag: "after"'], [], 'PS_ERR_OBJECT_CHANGED', unvalidated],
    ['another size', ramp(SIZE + 9, 100).slice(), [ETAG], [ETAG], 'PS_ERR_OBJECT_CHANGED', {}],
    [
      'another date',
      after,
      ['Last-Modified: Mon, 23 Nov 2026 11:00:00 GMT'],
      [DATE],
      'PS_ERR_OBJECT_CHANGED',
      unvalidated,
    ],
  ])(
    'a response whose ETag is not the bound one is never used, and neither is one that hides it: all of an object with %s in place of a range',
    async (_what, data, headers, before, code, options) => {
      const server = await ignoringRange(data, headers, before);
      const error = await failureOf(download(verb, server.url, { ...options, concurrency: 1, hedge: false }));
      expect(error).toMatchObject({ code });
    },
  );

  it('takes its range out of all of the same object', async () => {
    const server = await ignoringRange(BEFORE, [ETAG], [ETAG]);
    const { bytes } = await download(verb, server.url, { concurrency: 1, hedge: false });
    expect(bytes.equals(BEFORE)).toBe(true);
  });

  it.each(['203 Non-Authoritative Information', '201 Created', '226 IM Used'])(
    'refuses what is neither a range nor all of the object: %s',
    async (status) => {
      const server = await ignoringRange(BEFORE, [ETAG], [ETAG], status);
      const error = await failureOf(download(verb, server.url, { concurrency: 1, hedge: false }));
      expect(error).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
    },
  );

  it.each([
    ['encoded on the way', 'Content-Encoding: gzip'],
    ['in several ranges', 'Content-Type: multipart/byteranges; boundary=x'],
    ['in a framing of its own', 'Transfer-Encoding: gzip, chunked'],
  ])(
    'the end of a body is trusted only in a framing that tells it from a cut, and nothing is decoded: where a server that ignores ranges was cut, and goes on %s',
    async (_how, line) => {
      const server = await answering(({ number }, socket) => {
        const isFramed = line.startsWith('Transfer-Encoding');
        const whole = Buffer.from(head('200 OK', ETAG, `Content-Length: ${SIZE}`));
        if (number === 1) socket.end(Buffer.concat([whole, BEFORE.subarray(0, SIZE / 2)]));
        else if (isFramed) socket.write(Buffer.concat([Buffer.from(head('200 OK', ETAG, line)), chunks(after)]));
        else socket.write(Buffer.concat([Buffer.from(head('200 OK', ETAG, line, `Content-Length: ${SIZE}`)), after]));
      });
      expect(await failureOf(download(verb, server.url))).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
      expect(server.requests).toHaveLength(3);
    },
  );
});
