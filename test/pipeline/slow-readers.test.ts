import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createDownloadStream } from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { latency } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { download, PART, pause, QUICK, serve, VERBS } from './download-bench.js';

const MIB = 1024 * 1024;

describe('a reader that stops', () => {
  it('stops the server, too, when one response brings everything, and goes on whole', async () => {
    const size = 48 * MIB;
    const server = await serve(ramp(size), [ignoreRange()]);
    const stream = createDownloadStream(server.url, { ...QUICK, bufferBytes: MIB });
    stream.read(0);
    await once(stream, 'readable');
    let sent = -1;
    while (sent !== (server.requests[0]?.bytesSent ?? 0)) {
      sent = server.requests[0]?.bytesSent ?? 0;
      await pause(40);
    }
    // The budget, the two ends of the stream, and what the kernel holds between the two sockets.
    expect(sent).toBeLessThan(size / 2);
    let at = 0;
    for await (const chunk of stream) {
      expectRamp(chunk, at);
      at += chunk.length;
    }
    expect(at).toBe(size);
    expect(server.requests).toHaveLength(1);
  });

  it('gets no more requested than its budget, and goes on whole', async () => {
    const size = 40 * PART;
    const server = await serve(ramp(size));
    const stream = createDownloadStream(server.url, { ...QUICK, concurrency: 4, bufferBytes: 8 * PART });
    stream.read(0);
    await once(stream, 'readable');
    // Eight parts of budget, and what the two ends of the stream have taken: 64 KiB and a chunk each.
    while (server.requests.length < 8) await pause(5);
    await pause(100);
    expect(server.requests.length).toBeLessThanOrEqual(8 + 6);
    let at = 0;
    for await (const chunk of stream) {
      expectRamp(chunk, at);
      at += chunk.length;
    }
    expect(at).toBe(size);
  });

  it('is right when it stops and goes on a hundred times (T139)', async () => {
    const size = 30 * PART;
    const server = await serve(ramp(size), [latency({ upToMs: 2 })]);
    const stream = createDownloadStream(server.url, { ...QUICK, bufferBytes: 3 * PART });
    let at = 0;
    let stops = 0;
    stream.on('data', (chunk: Buffer) => {
      expectRamp(chunk, at);
      at += chunk.length;
      if (stops >= 100) return;
      stops += 1;
      stream.pause();
      setImmediate(() => stream.resume());
    });
    await once(stream, 'end');
    expect(at).toBe(size);
    expect(stops).toBeGreaterThan(20);
  });
});

describe.each(VERBS)('%s with maxBytesPerSecond', (verb) => {
  it.each([true, false])('holds the rate, and no pause counts as a stall; ranged: %s', async (ranged) => {
    const size = 4 * PART;
    const server = await serve(ramp(size), ranged ? [] : [ignoreRange()]);
    const rate = 2 * size;
    const { bytes, result } = await download(verb, server.url, {
      maxBytesPerSecond: rate,
      timeouts: { stallMs: 100 },
      concurrency: 2,
    });
    expectRamp(bytes);
    expect(bytes.length).toBe(size);
    expect(result.retries).toBe(0);
    // Half a second, less a burst of 100 ms and what comes last on each connection, behind which nothing has to wait.
    expect(result.elapsedMs).toBeGreaterThan(280);
    expect(result.elapsedMs).toBeLessThan(1200);
  });
});
