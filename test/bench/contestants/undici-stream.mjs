/** undici's own stream of one response, read to its end. Every chunk is compared with what it has to be. */

import { request } from 'undici';
import { expectBytes } from '../object-bytes.mjs';
import { config, measure } from './measure.mjs';

const { url, size } = config;

await measure(async () => {
  const startedAtMs = performance.now();
  const { body } = await request(url);
  let firstByteMs = 0;
  let offset = 0;
  for await (const chunk of body) {
    if (offset === 0) firstByteMs = performance.now() - startedAtMs;
    expectBytes(offset, chunk);
    offset += chunk.length;
  }
  if (offset !== size) throw new Error(`${offset} bytes of ${size}`);
  return { firstByteMs };
});
