import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDownloadEvents, createDownloadStream, downloadFile } from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { chunked, stall } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { failureOf, freshPath, pause, serve } from './download-bench.js';

const MIB = 1024 * 1024;
/** What is held before it is taken fills the budget at once. */
const SMALL_BUDGET = { bufferBytes: 64 * 1024, concurrency: 2 };

const strays: unknown[] = [];
const onStray = (error: unknown) => void strays.push(error);
beforeEach(() => {
  process.on('unhandledRejection', onStray);
});
afterEach(() => {
  process.off('unhandledRejection', onStray);
});

/** Whether there is nothing that nobody handled. */
async function expectNoStrays(): Promise<void> {
  await pause(5);
  expect(strays.splice(0)).toEqual([]);
}

describe('a download that ends while its first bytes are held', () => {
  it.each([
    ['a length', [ignoreRange()]],
    ['none', [ignoreRange(), chunked()]],
  ])('leaves no rejection to nobody when a file is aborted (%s)', async (_length, faults) => {
    const server = await serve(ramp(4 * MIB), faults);
    for (let round = 0; round < 5; round += 1) {
      const abort = new AbortController();
      const events = createDownloadEvents();
      // The bytes that came meanwhile are taken right behind this, and fill the budget: what comes has to wait.
      events.on('partStarted', () => queueMicrotask(() => abort.abort('stop')));
      const options = { ...SMALL_BUDGET, events, signal: abort.signal };
      expect(await failureOf(downloadFile(server.url, freshPath(), options))).toBe('stop');
    }
    await expectNoStrays();
  });

  it.each([true, false])(
    'leaves no rejection to nobody when a stream is destroyed (spooled: %s)',
    async (isSpooled) => {
      const server = await serve(ramp(4 * MIB), [ignoreRange()]);
      for (let round = 0; round < 5; round += 1) {
        // A checksum that is computed in WebAssembly takes a moment to be ready.
        const stream = createDownloadStream(server.url, {
          ...SMALL_BUDGET,
          ...(isSpooled && { spool: freshPath() }),
          expectedChecksum: { algorithm: 'crc64ecma', value: '1' },
        });
        stream.events.on('partStarted', () => queueMicrotask(() => stream.destroy()));
        stream.resume();
        await once(stream, 'close');
        expect(await failureOf(stream.result)).toMatchObject({ code: 'ABORT_ERR' });
      }
      await expectNoStrays();
    },
  );
});

describe.each([null, 0, false, ''])('abort(%j) in the middle of a download', (reason) => {
  /** A server that falls silent, and a signal that is aborted when it did. */
  async function stalling() {
    const server = await serve(ramp(MIB), [stall({ afterBytes: 1000, times: 99 })]);
    const abort = new AbortController();
    const abortInTheMiddle = async () => {
      await expect.poll(() => server.requests[0]?.bytesSent, { interval: 2 }).toBe(1000);
      abort.abort(reason);
    };
    return { url: server.url, signal: abort.signal, abortInTheMiddle };
  }

  it("rejects downloadFile and a stream's result with that very reason", async () => {
    const ofFile = await stalling();
    const failure = failureOf(downloadFile(ofFile.url, freshPath(), { signal: ofFile.signal }));
    await ofFile.abortInTheMiddle();
    expect(await failure).toBe(reason);

    const ofStream = await stalling();
    const stream = createDownloadStream(ofStream.url, { signal: ofStream.signal });
    const reading = failureOf(stream.toArray());
    await Promise.all([ofStream.abortInTheMiddle(), failureOf(stream.result)]);
    expect(await failureOf(stream.result)).toBe(reason);
    // A stream that is destroyed without an error would look as if it had ended.
    await reading;
    await expectNoStrays();
  });
});
