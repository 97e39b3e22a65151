import { describe, expect, it } from 'vitest';
import { createDownloadStream, downloadFile } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, freshPath, pause, serve, VERBS } from './download-bench.js';

describe.each(VERBS)('%s with maxBytesPerSecond', (verb) => {
  it.each([
    ['one read', 60_000],
    ['several reads', 200_000],
  ])('takes the time that its bytes are worth, also where they come in %s', async (_how, size) => {
    const server = await serve(ramp(size));
    const startMs = performance.now();
    const { bytes } = await download(verb, server.url, { maxBytesPerSecond: size, concurrency: 2, hedge: false });
    // A second, less the burst of 100 ms.
    expect(performance.now() - startMs).toBeGreaterThan(895);
    expect(bytes.length).toBe(size);
  });

  it('is aborted at once while it waits with nothing left to come', async () => {
    const size = 60_000;
    const server = await serve(ramp(size));
    const abort = new AbortController();
    const options = { maxBytesPerSecond: 20_000, signal: abort.signal };
    const failure = failureOf(
      verb === 'downloadFile'
        ? downloadFile(server.url, freshPath(), options)
        : createDownloadStream(server.url, options).toArray(),
    );
    // Looked at later.
    failure.catch(() => {});
    await expect.poll(() => server.requests[0]?.bytesSent, { interval: 2 }).toBe(size);
    // What was sent has come, and waits for three seconds.
    await pause(100);
    const abortedMs = performance.now();
    const reason = new Error('stop');
    abort.abort(reason);
    expect(await failure).toBe(reason);
    expect(performance.now() - abortedMs).toBeLessThan(200);
  });
});
