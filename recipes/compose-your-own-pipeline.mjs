// The stations of the pipeline, joined by hand: first the end of an object as a stream in order, then all of it into a
// file that another process could resume. downloadFile() and createDownloadStream() are the same stations, joined.
//
//   node recipes/compose-your-own-pipeline.mjs https://example.com/events.log events.log

import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createReassembler, discoverObject, fetchParts, http, openCheckpointSink, planParts } from 'partstream';

const [url, file] = process.argv.slice(2);
const source = http(url);
const partSize = 1024 * 1024;

// Every request below is bound to the version of the object that is found here.
const object = await discoverObject(source);

const tail = { start: Math.max(0, object.size - 3 * partSize), end: object.size };
const hash = createHash('sha256');
await pipeline(fetchParts(source, object, planParts(tail, { partSize })), createReassembler(tail), hash);
console.log(`sha256 of the last ${tail.end - tail.start} bytes: ${hash.digest('hex')}`);

const sink = await openCheckpointSink(file, object, { identity: source.identity });
try {
  const parts = planParts(sink.range, { partSize, completed: sink.completed });
  await pipeline(fetchParts(source, object, parts, { concurrency: 8 }), sink);
  await sink.publish();
} finally {
  await sink.close();
}
console.log(`${sink.path}: ${object.size} bytes`);
