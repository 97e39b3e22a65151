/** partstream: createDownloadStream(), read to its end. Every chunk is compared with what it has to be. */

import { createDownloadStream, http } from 'partstream';
import { expectBytes } from '../object-bytes.mjs';
import { config, measure } from './measure.mjs';

const { url, size, options = {}, warmUrl } = config;

// A server of its own: its connections are of no use to the other one.
if (warmUrl !== undefined) {
  for await (const chunk of createDownloadStream(warmUrl, { range: { start: 0, end: 1 } })) expectBytes(0, chunk);
}

await measure(async () => {
  const startedAtMs = performance.now();
  const stream = createDownloadStream(http(url), options);
  let firstByteMs = 0;
  let offset = 0;
  for await (const chunk of stream) {
    if (offset === 0) firstByteMs = performance.now() - startedAtMs;
    expectBytes(offset, chunk);
    offset += chunk.length;
  }
  if (offset !== size) throw new Error(`${offset} bytes of ${size}`);
  const { requests, retries, hedges, transferredBytes } = await stream.result;
  return { requests, retries, hedges, transferredBytes, firstByteMs };
});
