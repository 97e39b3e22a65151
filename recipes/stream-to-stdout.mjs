// Streams an object to stdout: fetched in parallel, handed on in order, with bounded memory.
//
//   node recipes/stream-to-stdout.mjs https://example.com/data.csv | head -c 1000

import { pipeline } from 'node:stream/promises';
import { createDownloadStream } from 'partstream';

const [url] = process.argv.slice(2);

await pipeline(createDownloadStream(url), process.stdout).catch((error) => {
  // `head` has read enough and closed the pipe: that is no failure.
  if (error.code !== 'EPIPE') throw error;
});
