/** One plain node:http connection, read to its end. Every chunk is compared with what it has to be. */

import { once } from 'node:events';
import { get } from 'node:http';
import { expectBytes } from '../object-bytes.mjs';
import { config, measure } from './measure.mjs';

const { url, size } = config;

await measure(async () => {
  const startedAtMs = performance.now();
  const [response] = await once(get(url), 'response');
  let firstByteMs = 0;
  let offset = 0;
  for await (const chunk of response) {
    if (offset === 0) firstByteMs = performance.now() - startedAtMs;
    expectBytes(offset, chunk);
    offset += chunk.length;
  }
  if (offset !== size) throw new Error(`${offset} bytes of ${size}`);
  return { firstByteMs };
});
