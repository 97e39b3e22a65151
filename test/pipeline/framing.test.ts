import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, VERBS } from './download-bench.js';
import { answering, askedRange, chunks, contentRange, head, trueAnswer } from './raw-answers.js';

const SIZE = 3 * PART + 1234;
const DATA = ramp(SIZE).slice();
const ETAG = 'ETag: "e1"';
const PROTOCOL_ERROR = { code: 'PS_ERR_PROTOCOL' };

describe.each(VERBS)('%s', (verb) => {
  it.each(['gzip, chunked', 'chunked, gzip', 'xchunked', 'chunked;q=1', 'not-chunked', 'identity', 'gzip'])(
    'the end of a body is trusted only in a framing that tells it from a cut, and nothing is decoded: %s',
    async (framing) => {
      const cut = await answering((_asked, socket) => {
        socket.write(head('200 OK', ETAG, `Transfer-Encoding: ${framing}`));
        socket.end(DATA.subarray(0, SIZE / 2));
      });
      const whole = await answering((_asked, socket) => {
        const body = framing.startsWith('gzip') ? gzipSync(DATA) : DATA;
        socket.write(head('200 OK', ETAG, `Transfer-Encoding: ${framing}`));
        socket.end(framing.endsWith('chunked') ? chunks(body) : body);
      });
      const ranged = await answering((asked, socket) => {
        const range = askedRange(asked, DATA);
        socket.write(head('206 Partial', ETAG, contentRange(range, SIZE), `Transfer-Encoding: ${framing}`));
        socket.end(chunks(DATA.subarray(range.start, range.end)));
      });
      for (const { url, requests } of [cut, whole, ranged]) {
        expect(await failureOf(download(verb, url))).toMatchObject(PROTOCOL_ERROR);
        expect(requests).toHaveLength(2);
      }
    },
  );

  it.each(['chunked', 'Chunked'])('takes the framing %s', async (framing) => {
    const server = await answering((asked, socket) => {
      const range = askedRange(asked, DATA);
      socket.write(head('206 Partial', ETAG, contentRange(range, SIZE), `Transfer-Encoding: ${framing}`));
      socket.write(chunks(DATA.subarray(range.start, range.end)));
    });
    const { bytes } = await download(verb, server.url);
    expect(bytes.equals(DATA)).toBe(true);
  });

  describe('a 200 with the Content-Range of a part', () => {
    /** The 200 that a proxy makes of a 206. */
    const partial = (total: number | '*', from: number, framing: 'length' | 'chunks') =>
      answering((asked, socket) => {
        if (asked.number < from) {
          socket.write(trueAnswer(asked, DATA, ETAG));
          return;
        }
        const range = askedRange(asked, DATA);
        const body = DATA.subarray(range.start, range.end);
        const length = framing === 'chunks' ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
        socket.write(head('200 OK', ETAG, contentRange(range, total), length));
        socket.write(framing === 'chunks' ? chunks(body) : body);
      });

    it.each([
      ['the first answer', SIZE, 1, 'length'],
      ['the first answer, in chunks', SIZE, 1, 'chunks'],
      ['the first answer, of an object of unknown size', '*', 1, 'length'],
      ['an answer for a later part', SIZE, 2, 'length'],
      ['an answer for a later part, in chunks', SIZE, 2, 'chunks'],
    ] as const)('is never taken for the whole object: %s', async (_which, total, from, framing) => {
      const server = await partial(total, from, framing);
      expect(await failureOf(download(verb, server.url))).toMatchObject(PROTOCOL_ERROR);
    });

    it('is asked for once more: one proxy may have done it', async () => {
      const server = await answering((asked, socket) => {
        const answer = trueAnswer(asked, DATA, ETAG);
        socket.write(
          asked.number === 2 ? answer.toString('latin1').replace('206 Partial Content', '200 OK') : answer,
          'latin1',
        );
      });
      const { bytes, result } = await download(verb, server.url, { hedge: false });
      expect(bytes.equals(DATA)).toBe(true);
      expect(result.retries).toBe(1);
    });

    it('is fine when its Content-Length is that of the whole object', async () => {
      const server = await answering((_asked, socket) => {
        socket.write(head('200 OK', ETAG, contentRange({ start: 0, end: SIZE }, SIZE), `Content-Length: ${SIZE}`));
        socket.write(DATA);
      });
      const { bytes, result } = await download(verb, server.url);
      expect(bytes.equals(DATA)).toBe(true);
      expect(result.requests).toBe(1);
    });

    it('is fine when a part comes out of the whole object, whatever its Content-Range says of the part', async () => {
      const server = await answering((asked, socket) => {
        if (asked.number === 1) {
          socket.write(trueAnswer(asked, DATA, ETAG));
          return;
        }
        socket.write(head('200 OK', ETAG, contentRange(askedRange(asked, DATA), SIZE), `Content-Length: ${SIZE}`));
        socket.write(DATA);
      });
      const { bytes } = await download(verb, server.url);
      expect(bytes.equals(DATA)).toBe(true);
    });
  });
});
