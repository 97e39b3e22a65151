import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDownloadStream, downloadFile, ObjectChangedError } from '../../src/index.js';
import { latency } from '../fixtures/connection-faults.js';
import { trait } from '../fixtures/fault.js';
import { ramp, type TestObject } from '../fixtures/ramp.js';
import { rangeServer } from '../fixtures/range-server.js';
import { count, FIRST_SEED, inLanes, openDirectory, pick, randomFrom, report } from './suite.js';

const SIZE = 3 * 1024 * 1024 + 55;
const ROUNDS = count('CRASH_REPLACEMENTS', 20, 200);
const before = ramp(SIZE, 0);
/** As long as the first, longer, shorter. */
const after = [ramp(SIZE, 100), ramp(SIZE + 4096, 50), ramp(SIZE - 4096, 50)];

const ignoresIfMatch = trait(
  'ignoresIfMatch',
  {},
  {
    prepare: (exchange) => {
      delete exchange.headers['if-match'];
    },
  },
);

let directory: Awaited<ReturnType<typeof openDirectory>>;
beforeAll(async () => {
  directory = await openDirectory();
});
afterAll(() => directory.remove());

it(`an object that is replaced at ${ROUNDS} random moments of a download never ends in a file or stream of both`, {
  timeout: 30_000 + ROUNDS * 1000,
}, async () => {
  const totals = { old: 0, changed: 0, refused: 0, mixed: 0 };
  await inLanes(
    3,
    Array.from({ length: ROUNDS }, (_, round) => FIRST_SEED + round),
    async (seed) => {
      const random = randomFrom(seed);
      // Half of the servers know no preconditions: then only what they answer tells.
      const faults = [latency({ upToMs: 6, seed }), ...(random() < 0.5 ? [ignoresIfMatch] : [])];
      const server = await rangeServer(before, faults, { bytesPerSecond: 16 * 1024 * 1024 });
      const next = pick(random, after);
      const file = join(directory.path, String(seed));
      const verb = pick(random, ['file', 'restart', 'stream', 'resume'] as const);
      const options = {
        partSize: pick(random, [102_400, 300_000, 1_048_576]),
        concurrency: 4,
        retry: { baseDelayMs: 1 },
      };
      const onObjectChanged = verb === 'restart' ? 'restart' : 'fail';
      const replaceAfter = async (delayMs: number) => {
        while (server.requests.length === 0) await sleep(1);
        await sleep(delayMs);
        server.replaceObject(next);
      };
      const run = async (): Promise<Buffer> => {
        if (verb === 'stream') {
          const chunks: Buffer[] = [];
          for await (const chunk of createDownloadStream(server.url, options)) chunks.push(chunk);
          return Buffer.concat(chunks);
        }
        if (verb === 'resume') {
          // The first call ends half-way, the object changes, and the second one finds a checkpoint of the old one.
          const signal = AbortSignal.timeout(10 + Math.floor(random() * 40));
          await downloadFile(server.url, file, { ...options, signal }).catch(() => undefined);
          if ((await stat(file).catch(() => undefined)) === undefined) server.replaceObject(next);
        }
        await downloadFile(server.url, file, { ...options, onObjectChanged });
        return await readFile(file);
      };
      const replacing = replaceAfter(random() * 50);
      const outcome = await run().catch((error: unknown) => error);
      await replacing;
      const is = (object: TestObject) => Buffer.isBuffer(outcome) && outcome.equals(object.slice());
      if (is(before)) totals.old += 1;
      else if (is(next)) totals.changed += 1;
      else if (outcome instanceof ObjectChangedError) totals.refused += 1;
      else totals.mixed += 1;
      if (outcome instanceof ObjectChangedError && verb !== 'stream') {
        await expect(stat(file)).rejects.toThrow('ENOENT');
        // And the next call brings the new one whole.
        await downloadFile(server.url, file, options);
        if (!(await readFile(file)).equals(next.slice())) totals.mixed += 1;
      }
      await rm(file, { force: true });
      await server.close();
    },
  );
  const { old, changed, refused, mixed } = totals;
  report(
    `object replaced at ${ROUNDS} moments: ${old} old, ${changed} new, ${refused} ObjectChangedError, mixed ${mixed}`,
  );
  expect(mixed).toBe(0);
  expect(refused).toBeGreaterThan(0);
});
