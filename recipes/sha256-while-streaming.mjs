// Computes the SHA-256 of an object without storing it; with a second argument, fails unless it is that one.
//
//   node recipes/sha256-while-streaming.mjs https://example.com/image.iso
//   node recipes/sha256-while-streaming.mjs https://example.com/image.iso 9f86d081884c7d659a2feaa0c55ad015...

import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createDownloadStream } from 'partstream';

const [url, expected] = process.argv.slice(2);

// With `expectedChecksum` the library itself compares, and the stream ends with a ChecksumError when it is wrong.
const expectedChecksum = expected === undefined ? undefined : { algorithm: 'sha256', value: expected };
const download = createDownloadStream(url, { expectedChecksum });
const hash = createHash('sha256');
await pipeline(download, hash);

console.log(hash.digest('hex'));
