/** Idle connections take over what a failing part is waiting for: never earlier, and never more often, than `retry` says. */

import { expect, it } from 'vitest';
import { createDownloadEvents, downloadFile } from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { stallHeaders } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { download, freshPath, PART, QUICK, serve, VERBS } from './download-bench.js';

it.each(VERBS)('%s: a part that waits as Retry-After asks is not taken over meanwhile', async (verb) => {
  const server = await serve(ramp(4 * PART), [status(503, { part: 3, retryAfter: 1 })]);
  const { result } = await download(verb, server.url, { retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 5000 } });
  expect(result).toMatchObject({ hedges: 0, requests: 5, retries: 1 });
  expect(result.elapsedMs).toBeGreaterThan(990);
});

it.each([1, 3])('a part without a byte has no more than its %i attempts, whoever makes them', async (attempts) => {
  const events = createDownloadEvents();
  const seen: unknown[] = [];
  events.on('partHedged', (payload) => seen.push(payload));
  // Silence counts after 0.5 s: a first connection is given up before its time is over, a last one is not.
  const server = await serve(ramp(4 * PART), [stallHeaders({ part: 3, times: 9 })]);
  const options = { ...QUICK, events, timeouts: { headersMs: 600 }, retry: { attempts, baseDelayMs: 0 } };
  const error = await downloadFile(server.url, freshPath(), options).catch((error) => error);
  expect(error).toMatchObject({ name: 'PartFailedError', attempts, part: { index: 3 } });
  expect(server.requests.filter(({ headers }) => headers.range?.startsWith(`bytes=${3 * PART}-`))).toHaveLength(
    attempts,
  );
  expect(seen.length).toBeLessThanOrEqual(attempts / 3);
});
