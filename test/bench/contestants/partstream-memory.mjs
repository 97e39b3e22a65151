/**
 * What partstream holds in one of these situations, above an idle process. First the situation is left alone, which gives
 * the peak RSS as V8 collects by itself; then a forced collection says what is really held. Needs --expose-gc.
 */

import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDownloadStream, downloadFile, http } from 'partstream';
import { expectBytes } from '../object-bytes.mjs';
import { config, finish, peakRssBytes, resetPeakRss } from './measure.mjs';

const { scenario, url, out, options } = config;
const SAMPLES = 10;
const SAMPLE_EVERY_MS = 100;
const LONGEST_MS = 60_000;

const idleBytes = heldBytes();
resetPeakRss();
const idleRssBytes = process.memoryUsage.rss();
let peakBytes = 0;
let heldMost = 0;

const situations = {
  stopped: stoppedReader,
  slow: slowReader,
  'stalled-head': readerOfAll,
  'one-byte': stoppedReader,
  file: () => atFullSpeed(file),
  stream: () => atFullSpeed(stream),
};
await situations[scenario]();
finish({ heldMiB: (heldMost - idleBytes) / 2 ** 20, peakRssMiB: (peakBytes - idleRssBytes) / 2 ** 20 });

/** Reads once, and then never again. */
async function stoppedReader() {
  const stream = createDownloadStream(http(url), options);
  stream.once('readable', () => expectBytes(0, stream.read()));
  await settled(stream);
  await sample();
}

/** Takes everything at once that comes in order. */
async function readerOfAll() {
  const stream = createDownloadStream(http(url), options);
  void readAll(stream, () => 0);
  await settled(stream);
  await sample();
}

/** 16 MiB/s, in bursts of a chunk. */
async function slowReader() {
  const stream = createDownloadStream(http(url), options);
  void readAll(stream, (byteCount) => byteCount / (16 * 1024 * 1.024));
  await sleep(2000);
  await sample();
}

/** Once for the peak and once for what is held. */
async function atFullSpeed(download) {
  await download();
  peakBytes = peakRssBytes();
  const timer = setInterval(look, SAMPLE_EVERY_MS);
  await download();
  clearInterval(timer);
  look();
}

async function file() {
  await downloadFile(http(url), out, options);
  rmSync(out);
}

async function stream() {
  let offset = 0;
  for await (const chunk of createDownloadStream(http(url), options)) {
    expectBytes(offset, chunk);
    offset += chunk.length;
  }
}

async function readAll(stream, pauseMs) {
  try {
    let offset = 0;
    for await (const chunk of stream) {
      expectBytes(offset, chunk);
      offset += chunk.length;
      await sleep(pauseMs(chunk.length));
    }
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}

/** Resolves when nothing was transferred for a second. */
async function settled(stream) {
  let transferred = -1;
  let stillMs = 0;
  let now = 0;
  stream.events.on('progress', ({ transferredBytes }) => {
    now = transferredBytes;
  });
  for (let waitedMs = 0; stillMs < 1000; waitedMs += 250) {
    if (waitedMs > LONGEST_MS) throw new Error(`still transferring after ${LONGEST_MS} ms`);
    await sleep(250);
    stillMs = now === transferred && now > 0 ? stillMs + 250 : 0;
    transferred = now;
  }
}

async function sample() {
  peakBytes = peakRssBytes();
  for (let count = 0; count < SAMPLES; count += 1) {
    look();
    await sleep(SAMPLE_EVERY_MS);
  }
}

function look() {
  heldMost = Math.max(heldMost, heldBytes());
}

function heldBytes() {
  // Twice: what a finalizer lets go of in the first one is gone after the second.
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
