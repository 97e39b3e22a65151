import { describe, expect, it } from 'vitest';
import { PartFailedError } from '../../src/index.js';
import { ignoreRange, status } from '../fixtures/answer-faults.js';
import { cut, reset } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { rawServer } from '../fixtures/raw-server.js';
import { closeLater, download, failureOf, PART, rangesOf, serve, VERBS } from './download-bench.js';

const SIZE = 5 * PART + 1234;

describe.each(VERBS)('%s from a server that ignores Range', (verb) => {
  it('takes one request, and knows the size all the same', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange()]);
    const { bytes, result, of } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ requests: 1, transferredBytes: SIZE, object: { size: SIZE } });
    expect(of('planned')).toEqual([{ parts: 1, resumedBytes: 0 }]);
  });

  it('asks again after a cut and skips what it has', async () => {
    const server = await serve(ramp(SIZE), [
      ignoreRange(),
      reset({ request: 1, afterBytes: 30_000 }),
      cut({ request: 2, afterBytes: 3 * PART }),
    ]);
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ requests: 3, retries: 2 });
    expect(server.requests.slice(1).map(({ headers }) => headers['if-match'])).toEqual(
      Array(2).fill(`"${ramp(SIZE).fingerprint}"`),
    );
  });

  it('fails when a cut comes before any new byte as often as the budget says', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange(), cut({ times: 99, afterBytes: 5000 })]);
    const error = await failureOf(
      download(verb, server.url, { retry: { attempts: 3, baseDelayMs: 1, maxDelayMs: 1 } }),
    );
    expect(error).toBeInstanceOf(PartFailedError);
    // The first one brought 5,000 bytes, so that it is not one of the three.
    expect(server.requests).toHaveLength(4);
  });

  it('uses an answer of the whole object from one edge among others', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange({ part: 3, times: 1 })]);
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result.retries).toBe(0);
    expect(rangesOf(server)).toHaveLength(6);
  });

  it('brings an object of unknown length, which only the end of the message tells', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange()], { noContentLength: true });
    const { bytes, result, of } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result).toMatchObject({ object: { size: SIZE }, range: { start: 0, end: SIZE }, transferredBytes: SIZE });
    expect(of('progress').at(-1)).toMatchObject({ completedBytes: SIZE, totalBytes: SIZE, etaSeconds: 0 });
  });

  it('brings an empty object of unknown length', async () => {
    const server = await serve(ramp(0), [ignoreRange()], { noContentLength: true });
    const { bytes, result } = await download(verb, server.url);
    expect(bytes).toHaveLength(0);
    expect(result.object.size).toBe(0);
  });

  it('never takes a cut body of unknown length for a whole object', async () => {
    const server = await serve(ramp(SIZE), [ignoreRange(), cut({ request: 1, afterBytes: 2 * PART })], {
      noContentLength: true,
    });
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(result.retries).toBe(1);
  });

  it('a body whose end cannot be told from a cut connection is never taken for a whole object', async () => {
    const server = closeLater(
      await rawServer({
        respond: (_, socket) => void socket.end('HTTP/1.1 200 OK\r\nETag: "x"\r\nConnection: close\r\n\r\nhello'),
      }),
    );
    expect(await failureOf(download(verb, server.url))).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
    expect(server.requests).toHaveLength(2);
  });

  it('a refusal after the cut is told as it is', async () => {
    const server = await serve(ramp(SIZE), [
      ignoreRange(),
      cut({ request: 1, afterBytes: 30_000 }),
      status(410, { fromRequest: 2, times: 99 }),
    ]);
    expect(await failureOf(download(verb, server.url))).toMatchObject({ code: 'PS_ERR_NOT_FOUND', statusCode: 410 });
  });
});
