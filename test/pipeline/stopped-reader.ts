/**
 * A process whose download is read a little and then no more: prints, as JSON, how many bytes it held before and after,
 * each after a forced collection. Arguments: the URL and the options as JSON. Run with --expose-gc.
 */

import { once } from 'node:events';
import { createDownloadEvents, createDownloadStream } from '../../src/index.js';

const [url = '', options = '{}'] = process.argv.slice(2);
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});

async function heldBytes(): Promise<number> {
  // Buffers are given back by finalizers, in a later turn.
  for (let turn = 0; turn < 4; turn += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Reads the whole of something small first, so that what is loaded late is not counted. */
for await (const _ of createDownloadStream(url, { ...JSON.parse(options), range: { start: 0, end: 1000 } }));
const idle = await heldBytes();

const events = createDownloadEvents();
let transferred = 0;
events.on('progress', ({ transferredBytes }) => {
  transferred = transferredBytes;
});
const stream = createDownloadStream(url, { ...JSON.parse(options), events });
stream.on('error', () => {});
await once(stream, 'readable');
stream.read(1000);
for (let before = -1; before !== transferred; ) {
  before = transferred;
  await new Promise((resolve) => setTimeout(resolve, 250));
}
const held = await heldBytes();
stream.destroy();
await once(stream, 'close');
const after = await heldBytes();
process.stdout.write(JSON.stringify({ idle, held, after, transferred }));
process.exit();
