import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDownloadStream, downloadFile } from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import {
  chunkedCut,
  cut,
  cutHeaders,
  reset,
  resetHeaders,
  stall,
  stallHeaders,
} from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { count, FIRST_SEED, inLanes, openDirectory, report } from './suite.js';

const PART = 256 * 1024;
const object = ramp(24 * 1024 * 1024 + 7, 13);

let directory: Awaited<ReturnType<typeof openDirectory>>;
beforeAll(async () => {
  directory = await openDirectory();
});
afterAll(() => directory.remove());

/** One request in so many fails, in one of eight ways. */
function mixedFaults(probability: number, seed: number) {
  const chance = (kind: number) => ({ probability: probability / 8, seed: seed * 8 + kind });
  return [
    reset({ ...chance(0), afterBytes: 'random' }),
    cut({ ...chance(1), afterBytes: 'random' }),
    chunkedCut({ ...chance(2), afterBytes: 'random' }),
    stall({ ...chance(3), afterBytes: 'random' }),
    resetHeaders(chance(4)),
    cutHeaders({ ...chance(5), afterBytes: 30 }),
    stallHeaders(chance(6)),
    status(503, { ...chance(7), retryAfter: 0 }),
  ];
}

function sentBytes(server: RangeServer): number {
  return server.requests.reduce((sum, seen) => sum + seen.bytesSent, 0);
}

it.each([
  { percent: 5, downloads: count('CRASH_DOWNLOADS_AT_5', 5, 100), mostExtra: 0.03 },
  { percent: 30, downloads: count('CRASH_DOWNLOADS_AT_30', 3, 30), mostExtra: Number.POSITIVE_INFINITY },
])(
  'with mixed faults on $percent % of the requests, $downloads of $downloads downloads are right',
  {
    timeout: 600_000,
  },
  async ({ percent, downloads, mostExtra }) => {
    let [right, worstExtra, faults] = [0, 0, 0];
    await inLanes(
      2,
      Array.from({ length: downloads }, (_, round) => FIRST_SEED + round),
      async (seed) => {
        const server = await rangeServer(object, mixedFaults(percent / 100, seed), { partSize: PART });
        const options = {
          partSize: PART,
          concurrency: 6,
          hedge: seed % 2 === 0,
          retry: { baseDelayMs: 5, maxDelayMs: 50 },
          timeouts: { headersMs: 250, stallMs: 250 },
        };
        let bytes: Buffer;
        if (seed % 3 === 0) {
          const chunks: Buffer[] = [];
          for await (const chunk of createDownloadStream(server.url, options)) chunks.push(chunk);
          bytes = Buffer.concat(chunks);
        } else {
          const file = join(directory.path, String(seed));
          await downloadFile(server.url, file, { ...options, durability: 'none' });
          bytes = await readFile(file);
          await rm(file);
        }
        if (bytes.equals(object.slice())) right += 1;
        faults += Object.values(server.strikes()).reduce((sum, strikes) => sum + strikes, 0);
        const extra = (sentBytes(server) - object.size) / object.size;
        worstExtra = Math.max(worstExtra, extra);
        await server.close();
      },
    );
    report(
      `${percent} % mixed faults: ${right} of ${downloads} right after ${faults} faults, worst extra bytes ${(100 * worstExtra).toFixed(2)} %`,
    );
    expect(right).toBe(downloads);
    expect(worstExtra).toBeLessThanOrEqual(mostExtra);
    expect(faults).toBeGreaterThan(downloads);
  },
);
