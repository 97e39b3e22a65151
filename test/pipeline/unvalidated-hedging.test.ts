import { describe, expect, it } from 'vitest';
import { type DownloadOptions, discoverObject, fetchParts, planParts } from '../../src/index.js';
import { slowBody } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { recorder, serve } from './download-bench.js';

const SIZE = 1_200_000;
/** Three seconds, of which an idle connection would take over one. */
const SLOW = slowBody({ bytesPerSecond: 400_000 });

/** Fetches the object as one part while a second connection has nothing to do; the bytes that were asked for. */
async function askedFor(server: { etag?: string; noEtag?: boolean }, options: DownloadOptions = {}) {
  const { url, requests, setFaults } = await serve(ramp(SIZE), [], server);
  const object = await discoverObject(url);
  requests.length = 0;
  setFaults([SLOW]);
  const { events, all } = recorder();
  const parts = planParts({ start: 0, end: SIZE }, { partSize: SIZE });
  let received = 0;
  for await (const { bytes, release } of fetchParts(url, object, parts, { concurrency: 2, events, ...options })) {
    received += bytes.length;
    release();
  }
  expect(received).toBe(SIZE);
  expect(all.filter(({ name }) => name === 'partHedged')).toHaveLength(requests.length - 1);
  return requests.map(({ range }) => range?.start ?? 0);
}

/** They wait, rather than work: all at once. */
describe('the slow tail of a part', () => {
  it('is taken over, but bytes of two responses are put together only where they are known to be of one version', async () => {
    const [strong, permitted, weak, none] = await Promise.all([
      askedFor({}),
      askedFor({ noEtag: true }, { allowUnvalidated: true }),
      askedFor({ etag: 'W/"same"' }),
      askedFor({ noEtag: true }),
    ]);
    // The others show that the conditions are those in which a tail is taken over.
    expect(strong.length).toBeGreaterThan(1);
    expect(permitted.length).toBeGreaterThan(1);
    expect([weak, none]).toEqual([[0], [0]]);
  });
});
