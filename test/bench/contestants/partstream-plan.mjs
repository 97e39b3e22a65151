/** What it takes partstream to open a download of 1 TiB: the public plan, the sink, and a stream. Needs --expose-gc. */

import { once } from 'node:events';
import { createDownloadStream, http, planParts } from 'partstream';
import { nodeFileOps } from '../../../dist/sink/file-ops.js';
import { openSink } from '../../../dist/sink/open-checkpoint-sink.js';
import { config, finish } from './measure.mjs';

const SIZE = 2 ** 40;
const { url, out, partSize } = config;

const plan = await take(() => planParts({ start: 0, end: SIZE }, { partSize }));

const sink = await take(() =>
  openSink(
    out,
    { size: SIZE, etag: '"bench-object"', metadata: {}, headers: {} },
    // The file stays empty, but the sink rightly asks for the room first.
    { fileOps: { ...nodeFileOps, freeBytes: async () => 2 * SIZE } },
  ),
);
await sink.value.close();

const stream = await take(async () => {
  const download = createDownloadStream(http(url));
  let parts = 0;
  const planned = new Promise((resolve) => {
    download.events.once('planned', (payload) => {
      ({ parts } = payload);
      resolve();
    });
  });
  download.once('error', () => {});
  void download.object;
  await planned;
  return { download, parts };
});
stream.value.download.destroy();
await once(stream.value.download, 'close');

finish({
  planMs: plan.ms,
  planMiB: plan.mib,
  planParts: plan.value.length,
  sinkMs: sink.ms,
  sinkMiB: sink.mib,
  streamMs: stream.ms,
  streamMiB: stream.mib,
  streamParts: stream.value.parts,
});

async function take(open) {
  const before = heldBytes();
  const startedAtMs = performance.now();
  const value = await open();
  const ms = performance.now() - startedAtMs;
  return { value, ms, mib: (heldBytes() - before) / 2 ** 20 };
}

function heldBytes() {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
