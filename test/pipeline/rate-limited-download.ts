/**
 * A process that downloads with an Agent of its own under a rate limit, and prints what came: the checksum of the bytes,
 * or the code of the error. Arguments: the URL and the limit.
 */

import { createHash } from 'node:crypto';
import { Agent } from 'undici';
import { createDownloadStream, isDownloadError } from '../../src/index.js';

const [url = '', maxBytesPerSecond] = process.argv.slice(2);
const agent = new Agent();
const stream = createDownloadStream(url, {
  dispatcher: agent,
  maxBytesPerSecond: Number(maxBytesPerSecond),
  retry: { baseDelayMs: 1, maxDelayMs: 5 },
});
const hash = createHash('sha256');
try {
  for await (const bytes of stream) hash.update(bytes);
  process.stdout.write(hash.digest('hex'));
} catch (error) {
  process.stdout.write(isDownloadError(error) ? error.code : String(error));
}
await agent.destroy();
