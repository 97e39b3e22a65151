/** The obvious implementation: undici's request() per part, `concurrency` of them at once, one awaited write per chunk. */

import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Pool } from 'undici';
import { config, eachOf, measure } from './measure.mjs';

const { url, ca, out, size, partSize, concurrency } = config;
const { origin, pathname } = new URL(url);
const pool = new Pool(origin, {
  connections: concurrency,
  ...(ca === undefined ? {} : { connect: { ca: readFileSync(ca) } }),
});

await measure(async () => {
  const file = await open(out, 'wx');
  await eachOf(Math.ceil(size / partSize), concurrency, async (index) => {
    let position = index * partSize;
    const end = Math.min(size, position + partSize);
    const headers = { range: `bytes=${position}-${end - 1}` };
    const { statusCode, body } = await pool.request({ path: pathname, method: 'GET', headers });
    if (statusCode !== 206) throw new Error(`status ${statusCode}`);
    for await (const chunk of body) {
      await file.write(chunk, 0, chunk.length, position);
      position += chunk.length;
    }
    if (position !== end) throw new Error(`part ${index} ended at ${position}`);
  });
  await file.close();
});
