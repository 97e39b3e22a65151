/** Idle connections take over what a failing part is waiting for: never earlier, and never more often, than `retry` says. */

import { expect, it } from 'vitest';
import { status } from '../fixtures/answer-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { download, PART, serve, VERBS } from './download-bench.js';

it.each(VERBS)('%s: a part that waits as Retry-After asks is not taken over meanwhile', async (verb) => {
  const server = await serve(ramp(4 * PART), [status(503, { part: 3, retryAfter: 1 })]);
  const { result } = await download(verb, server.url, { retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 5000 } });
  expect(result).toMatchObject({ hedges: 0, requests: 5, retries: 1 });
  expect(result.elapsedMs).toBeGreaterThan(990);
});
