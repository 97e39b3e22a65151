import { describe, expect, it } from 'vitest';
import { NetworkError, PartFailedError, TimeoutError } from '../../src/index.js';
import {
  chunked,
  chunkedCut,
  closeAfterResponse,
  cut,
  cutHeaders,
  deliverAllThenReset,
  idleClose,
  latency,
  oneByteChunks,
  reset,
  resetHeaders,
  stall,
  stallHeaders,
  trickleHeaders,
} from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { rawServer } from '../fixtures/raw-server.js';
import {
  closeLater,
  download,
  failureOf,
  PART,
  partRanges,
  pause,
  QUICK,
  rangesOf,
  serve,
  VERBS,
} from './download-bench.js';

const SIZE = 5 * PART + 1234;
const SLACK = 64 * 1024;

describe.each(VERBS)('%s', (verb) => {
  async function downloadWhole(server: { url: string }, size = SIZE, options = {}) {
    const done = await download(verb, server.url, options);
    expect(done.bytes.length).toBe(size);
    expectRamp(done.bytes);
    expect(done.result).toMatchObject({ object: { size }, range: { start: 0, end: size } });
    return done;
  }

  it('asks for each part once', async () => {
    const server = await serve(ramp(SIZE));
    const { result } = await downloadWhole(server);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
    for (const { headers } of server.requests) expect(headers['accept-encoding']).toBe('identity');
    expect(result).toMatchObject({ transferredBytes: SIZE, requests: 6, retries: 0, hedges: 0, resumedBytes: 0 });
  });

  it('every request after discovery carries If-Match with the strong ETag that discovery found', async () => {
    const server = await serve(ramp(SIZE), [cut({ part: 2, afterBytes: 70 }), cut({ part: 0, afterBytes: 70 })]);
    await downloadWhole(server);
    const [first, ...later] = server.requests.map(({ headers }) => headers['if-match']);
    expect(first).toBeUndefined();
    expect(later).toEqual(Array(7).fill(`"${ramp(SIZE).fingerprint}"`));
  });

  it.each([0, 1, PART / 2, PART - 1])(
    'a reset after %s bytes costs only the bytes that are missing (T001)',
    async (k) => {
      const server = await serve(ramp(SIZE), [reset({ part: 0, afterBytes: k }), reset({ part: 3, afterBytes: k })]);
      const { result, of } = await downloadWhole(server);
      const retried = rangesOf(server).filter((range) => !partRanges(SIZE).includes(range));
      const reached = retried.map((range) => Number(range.split('-')[0]) % PART);
      for (const at of reached) expect(at).toBeLessThanOrEqual(k);
      expect(result.transferredBytes).toBe(SIZE);
      expect(server.requests.length).toBe(8);
      expect(result.retries).toBe(2);
      expect(of('partRetrying')).toHaveLength(2);
      expect(of('partRetrying')[0]?.error).toBeInstanceOf(NetworkError);
    },
  );

  it.each([true, false])('a FIN within the body is continued, keep-alive: %s (T002, T003)', async (keepAlive) => {
    const faults = [cut({ part: 0, afterBytes: 5000 }), cut({ part: 2, afterBytes: 70_000 })];
    const server = await serve(ramp(SIZE), faults, { keepAlive });
    const { result } = await downloadWhole(server);
    expect(rangesOf(server)).toEqual(
      [...partRanges(SIZE), `5000-${PART}`, `${2 * PART + 70_000}-${3 * PART}`].sort(byStart),
    );
    expect(result).toMatchObject({ retries: 2, transferredBytes: SIZE });
  });

  it('a chunked body that is cut before its last chunk is continued (T005)', async () => {
    const server = await serve(ramp(SIZE), [
      chunkedCut({ part: 0, afterBytes: 9000 }),
      chunkedCut({ part: 1, afterBytes: 0 }),
      chunkedCut({ part: 4, afterBytes: 'random' }),
    ]);
    const { result } = await downloadWhole(server);
    expect(result).toMatchObject({ retries: 3, transferredBytes: SIZE });
  });

  it.each(['reset', 'fin'] as const)(
    'a part whose bytes all came is not fetched twice when a %s takes the end of the message (T006)',
    async (ending) => {
      const server = await serve(ramp(SIZE), [deliverAllThenReset({ times: 6, ending })]);
      const { result } = await downloadWhole(server);
      expect(rangesOf(server)).toEqual(partRanges(SIZE));
      expect(result.retries).toBe(0);
    },
  );

  it('a server that closes idle connections costs no attempt of the budget (T009)', async () => {
    const size = 60 * PART;
    const server = await serve(ramp(size), [idleClose({ afterMs: 1 }), latency({ upToMs: 6 })]);
    const { of } = await downloadWhole(server, size, { retry: { attempts: 1 } });
    // A closed idle connection that was charged, or waited for, would have used up the only attempt.
    expect(of('partRetrying').filter(({ delayMs }) => delayMs > 0)).toEqual([]);
  });

  it('a server that is away for a while is waited for (T010)', async () => {
    const server = await serve(ramp(SIZE));
    await server.down();
    const back = pause(45).then(() => server.up());
    const retry = { attempts: 1000, baseDelayMs: 5, maxDelayMs: 5 };
    const { result } = await downloadWhole(server, SIZE, { retry });
    await back;
    expect(result.retries).toBeGreaterThan(0);
  });

  it('a server that goes away in the middle and comes back is waited for', async () => {
    const server = await serve(ramp(20 * PART), [latency({ ms: 4 })]);
    const outage = pause(15).then(async () => {
      await server.down();
      await pause(30);
      await server.up();
    });
    await downloadWhole(server, 20 * PART, { retry: { attempts: 1000, baseDelayMs: 4, maxDelayMs: 4 } });
    await outage;
  });

  it('a reset of 30 % of the requests at random places costs no byte twice (T013)', async () => {
    const size = 80 * PART;
    const server = await serve(ramp(size), [reset({ probability: 0.3, seed: 7, afterBytes: 'random' })]);
    const { result } = await downloadWhole(server, size);
    const faults = server.strikes().reset ?? 0;
    expect(faults).toBeGreaterThan(10);
    const sent = server.requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    expect(sent).toBeLessThanOrEqual(size * 1.03 + faults * SLACK);
    expect(result.transferredBytes).toBe(size);
  });

  it('a mix of faults on every fifth request ends right', async () => {
    const size = 60 * PART;
    const server = await serve(ramp(size), [
      reset({ probability: 0.05, seed: 1, afterBytes: 'random' }),
      cut({ probability: 0.05, seed: 2, afterBytes: 'random' }),
      chunkedCut({ probability: 0.05, seed: 3, afterBytes: 'random' }),
      resetHeaders({ probability: 0.03, seed: 4 }),
      cutHeaders({ probability: 0.03, seed: 5, afterBytes: 20 }),
      latency({ upToMs: 3 }),
    ]);
    const { result } = await downloadWhole(server, size);
    expect(result.transferredBytes).toBe(size);
  });

  it('a peer that falls silent is given up after stallMs and the part goes on elsewhere (T014)', async () => {
    const server = await serve(ramp(SIZE), [
      stall({ part: 0, afterBytes: 3000 }),
      stall({ part: 2, afterBytes: 50_000 }),
    ]);
    const { of, result } = await downloadWhole(server, SIZE, { timeouts: { stallMs: 120 } });
    const errors = of('partRetrying').map(({ error }) => error);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toMatchObject({ code: 'PS_ERR_TIMEOUT', phase: 'stall' });
    expect(result.elapsedMs).toBeLessThan(1500);
  });

  it('a peer that never answers is given up after headersMs', async () => {
    const server = await serve(ramp(SIZE), [stallHeaders({ part: 0 }), stallHeaders({ part: 3, afterBytes: 30 })]);
    const { of } = await downloadWhole(server, SIZE, { timeouts: { headersMs: 120 } });
    const errors = of('partRetrying').map(({ error }) => error);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toMatchObject({ code: 'PS_ERR_TIMEOUT', phase: 'headers' });
  });

  it('heads that are late by random times change nothing (T017)', async () => {
    const size = 30 * PART;
    const server = await serve(ramp(size), [latency({ upToMs: 30 })]);
    const { result } = await downloadWhole(server, size, { concurrency: 8 });
    expect(rangesOf(server)).toEqual(partRanges(size));
    expect(result.retries).toBe(0);
  });

  it('heads that trickle are no answer: the deadline counts from the request (T055)', async () => {
    const server = await serve(ramp(SIZE), [trickleHeaders({ bytesPerSecond: 50 })]);
    const options = { timeouts: { headersMs: 100 }, retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 } };
    const error = await failureOf(download(verb, server.url, options));
    expect(error).toBeInstanceOf(PartFailedError);
    expect(error).toMatchObject({ attempts: 2, cause: { code: 'PS_ERR_TIMEOUT', phase: 'headers' } });
    expect((error as PartFailedError).cause).toBeInstanceOf(TimeoutError);
    expect(server.requests).toHaveLength(2);
  });

  it.each([true, false])(
    'a server that closes after every answer, announced: %s, is no trouble (T056)',
    async (announced) => {
      const size = 20 * PART;
      const server = await serve(ramp(size), [closeAfterResponse({ unannounced: !announced })]);
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, server.openSockets());
      }, 1);
      await downloadWhole(server, size, { concurrency: 4 });
      clearInterval(watch);
      expect(most).toBeLessThanOrEqual(8);
      expect(rangesOf(server).filter((range) => !partRanges(size).includes(range))).toEqual([]);
    },
  );

  it('bytes that come one by one are right', async () => {
    const server = await serve(ramp(3000), [oneByteChunks()]);
    const { result } = await downloadWhole(server, 3000);
    expect(result.requests).toBe(1);
  });

  it('chunked 206 answers are right', async () => {
    const server = await serve(ramp(SIZE), [chunked()]);
    await downloadWhole(server);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
  });

  it('the end of a message is the end of a range only when every announced byte has arrived', async () => {
    // Neither Content-Length nor chunks: undici takes a cut for the end of the body.
    let requests = 0;
    const server = closeLater(
      await rawServer({
        respond: (head, socket) => {
          requests += 1;
          const [, first = '0', last = '0'] = /range: bytes=(\d+)-(\d+)/i.exec(head) ?? [];
          const start = Number(first);
          const end = Math.min(Number(last) + 1, SIZE);
          const status = `HTTP/1.1 206 Partial Content\r\nConnection: close\r\nETag: "x"\r\n`;
          socket.write(`${status}Content-Range: bytes ${start}-${end - 1}/${SIZE}\r\n\r\n`);
          socket.end(ramp(SIZE).slice(start, requests % 3 === 0 ? start + 100 : end));
        },
      }),
    );
    const { result } = await downloadWhole(server);
    expect(result.retries).toBeGreaterThan(0);
  });

  it('a server that is not there fails within the budget, with the reason', async () => {
    const server = await serve(ramp(SIZE));
    await server.down();
    const error = await failureOf(download(verb, server.url, QUICK));
    expect(error).toBeInstanceOf(PartFailedError);
    expect(error).toMatchObject({ attempts: 6, part: { index: 0 }, cause: { code: 'PS_ERR_NETWORK' } });
    expect(String((error as PartFailedError).cause)).toContain('ECONNREFUSED');
  });
});

function byStart(a: string, b: string): number {
  const [startA = 0, endA = 0] = a.split('-').map(Number);
  const [startB = 0, endB = 0] = b.split('-').map(Number);
  return startA - startB || endA - endB;
}
