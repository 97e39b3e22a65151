/** A bare undici loop: many small objects, each taken into memory and written under its final name. */

import { writeFile } from 'node:fs/promises';
import { Pool } from 'undici';
import { config, eachOf, measure } from './measure.mjs';

const { url, out, count, atOnce } = config;
const { origin, pathname } = new URL(url);
const pool = new Pool(origin, { connections: atOnce });

await measure(() =>
  eachOf(count, atOnce, async (index) => {
    const { statusCode, body } = await pool.request({ path: `${pathname}/${index}`, method: 'GET' });
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    await writeFile(`${out}/${index}`, Buffer.from(await body.arrayBuffer()));
  }),
);
