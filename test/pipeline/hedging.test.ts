import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { slowBody, stall, stallHeaders } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { download, VERBS, type Verb } from './download-bench.js';

const MIB = 1024 * 1024;
/** Silence counts after 2 s and slowness after 1 s; no time limit of an attempt may help out. */
const PATIENT = { partSize: MIB, concurrency: 3, timeouts: { headersMs: 60_000, stallMs: 60_000 } };
const servers: RangeServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

/** They wait, rather than work: all at once. */
describe.concurrent.each(VERBS)('%s', (verb) => {
  const run = async (faults: Parameters<typeof rangeServer>[1], parts: number, options = {}, by: Verb = verb) => {
    const size = parts * MIB;
    const server = await rangeServer(ramp(size), faults, { partSize: MIB });
    servers.push(server);
    const done = await download(by, server.url, { ...PATIENT, ...options });
    expect(done.bytes.length).toBe(size);
    expectRamp(done.bytes);
    expect(done.of('partCompleted')).toHaveLength(parts);
    expect(done.result.hedges).toBe(done.of('partHedged').length);
    return done;
  };

  it.each([
    ['is slow', [slowBody({ part: 3, bytesPerSecond: 100_000, times: 1 })]],
    ['falls silent', [stall({ part: 3, afterBytes: 300_000 })]],
    ['never answers', [stallHeaders({ part: 3 })]],
  ])('does not wait for a last part that %s: idle connections take over its tail', async (_how, faults) => {
    const { result } = await run(faults, 4);
    expect(result.hedges).toBeGreaterThan(0);
    // Alone it would have taken ten seconds, or a minute.
    expect(result.elapsedMs).toBeLessThan(8000);
  });

  it.each([
    ['is slow', [slowBody({ part: 0, bytesPerSecond: 100_000, times: 1 })]],
    ['falls silent', [stall({ part: 0, afterBytes: 300_000 })]],
  ])('does not wait for a first part that %s, even while it holds up all the budget', async (_how, faults) => {
    const { result } = await run(faults, 8, { bufferBytes: 3 * MIB });
    expect(result.hedges).toBeGreaterThan(0);
    expect(result.elapsedMs).toBeLessThan(8000);
  });

  it('a byte has one fetcher: the tail is taken from its old one before it is asked for again', async () => {
    const { result, of } = await run([slowBody({ part: 2, bytesPerSecond: 150_000, times: 1 })], 3);
    const ranges = of('partHedged').map(({ range }) => range);
    expect(ranges.length).toBeGreaterThan(0);
    // What the slow connection still brought behind its new end came with a chunk that began before it.
    expect(result.transferredBytes).toBeLessThan(3 * MIB + ranges.length * 256 * 1024);
  });

  it('takes nothing over with hedge: false, nor where one response brings everything', async () => {
    const slow = slowBody({ part: 1, bytesPerSecond: 600_000, times: 1 });
    expect((await run([slow], 2, { hedge: false })).result.hedges).toBe(0);
    const whole = [ignoreRange(), slowBody({ bytesPerSecond: 1_000_000 })];
    expect((await run(whole, 1)).result).toMatchObject({ hedges: 0, requests: 1 });
  });
});

describe('a file whose tails were taken over', () => {
  it('is verified as a whole', async () => {
    const object = ramp(3 * MIB);
    const server = await rangeServer(object, [stall({ part: 2, afterBytes: 100_000 })], { partSize: MIB });
    servers.push(server);
    const expectedChecksum = { algorithm: 'sha256', value: object.sha256() } as const;
    const { bytes, result } = await download('downloadFile', server.url, { ...PATIENT, expectedChecksum });
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(object.sha256());
    expect(result).toMatchObject({ verification: { scope: 'object', origin: 'caller' } });
    expect(result.hedges).toBeGreaterThan(0);
  });
});
