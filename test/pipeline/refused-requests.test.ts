import { describe, expect, it } from 'vitest';
import { AccessDeniedError, downloadFile, http, obs, s3 } from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { errorXml } from '../fixtures/error-xml.js';
import { obsServer } from '../fixtures/obs-server.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { rawServer } from '../fixtures/raw-server.js';
import { closeLater, download, failureOf, freshPath, PART, QUICK, serve, VERBS } from './download-bench.js';

const SIZE = 3 * PART;

describe.each(VERBS)('%s', (verb) => {
  it.each([507, 520, 529])('asks again after status %i, which a moment may cure', async (code) => {
    const server = await serve(ramp(SIZE), [status(code), status(code, { part: 2 })]);
    const { bytes, result } = await download(verb, server.url);
    expectRamp(bytes);
    expect(result).toMatchObject({ retries: 2 });
  });

  it('asks as often as the budget says where the server fails, and once where it says that it never will', async () => {
    const asked: Record<number, number> = {};
    for (const code of [501, 505, 507, 520, 529]) {
      const server = await serve(ramp(SIZE), [status(code, { times: 99 })]);
      await failureOf(download(verb, server.url));
      asked[code] = server.requests.length;
    }
    expect(asked).toEqual({ 501: 1, 505: 1, 507: 6, 520: 6, 529: 6 });
  });

  it.each([
    ['at once', ['first']],
    ['when a fresh one is wanted', ['first', 'expired']],
  ])('asks a URL provider no second time that throws %s', async (_when, expected) => {
    const server = await serve(ramp(SIZE), [status(403, { times: 99 })]);
    const reasons: string[] = [];
    const source = http(({ reason }) => {
      if (reasons.push(reason) === expected.length) throw new Error('no URL today');
      return server.url;
    });
    expect(await failureOf(download(verb, source))).toBeInstanceOf(AccessDeniedError);
    expect(reasons).toEqual(expected);
  });

  it.each([1, 99])(
    'takes a 400 with ExpiredToken for what a provider of credentials can cure (%i times)',
    async (times) => {
      const server = closeLater(await obsServer({ partSize: PART }));
      server.putObject('bucket', 'key', ramp(SIZE));
      server.setFaults([status(400, { code: 'ExpiredToken', times })]);
      for (const store of [obs, s3]) {
        const reasons: string[] = [];
        const { endpoint, credentials } = server;
        const provide = ({ reason }: { reason: string }) => {
          reasons.push(reason);
          return credentials;
        };
        const place = { endpoint, bucket: 'bucket', key: 'key', addressing: 'path', region: 'r' } as const;
        const outcome = await download(verb, store({ ...place, credentials: provide })).catch(
          (error: unknown) => error,
        );
        expect(reasons).toEqual(['first', 'expired']);
        if (times === 1) expectRamp((outcome as { bytes: Buffer }).bytes);
        else {
          expect(outcome).toBeInstanceOf(AccessDeniedError);
          expect(outcome).toMatchObject({ statusCode: 400, storeCode: 'ExpiredToken' });
        }
        server.setFaults([status(400, { code: 'ExpiredToken', times })]);
      }
    },
  );
});

describe('a store that is busy when it is asked first', () => {
  it('is asked in parallel all the same, once it answers', async () => {
    const size = 21 * PART;
    const object = ramp(size);
    /** The heads that wait for their answer: so many are under way at once. */
    const waiting: (() => void)[] = [];
    let most = 0;
    const server = closeLater(
      await rawServer({
        respond(head, socket, number) {
          if (number === 1) {
            const body = errorXml({ Code: 'SlowDown', Message: 'reduce your request rate' });
            socket.write(`HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
            return;
          }
          const [start = 0, last = 0] = /bytes=(\d+)-(\d+)/.exec(head)?.slice(1).map(Number) ?? [];
          const length = `Content-Range: bytes ${start}-${last}/${size}\r\nContent-Length: ${last + 1 - start}\r\n`;
          waiting.push(() => {
            socket.write(`HTTP/1.1 206 Partial\r\nETag: "x"\r\n${length}\r\n`);
            socket.write(object.slice(start, last + 1));
          });
          most = Math.max(most, waiting.length);
          // Long enough for all that may be under way to come.
          if (waiting.length === 1) setTimeout(() => waiting.splice(0).forEach((answer) => void answer()), 40);
        },
      }),
    );
    await downloadFile(server.url, freshPath(), { ...QUICK, concurrency: 20, hedge: false, durability: 'none' });
    expect(server.requests).toHaveLength(22);
    expect(most).toBeGreaterThanOrEqual(8);
  });
});
