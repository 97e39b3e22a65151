/**
 * The least that a client does whose small files are whole and on disk when it says so: the bare undici loop, with a
 * look at the destination, a name of its own until the bytes are synced, and a sync of the directory.
 */

import { lstat, open, rename } from 'node:fs/promises';
import { Pool } from 'undici';
import { config, eachOf, measure } from './measure.mjs';

const { url, out, count, atOnce } = config;
const { origin, pathname } = new URL(url);
const pool = new Pool(origin, { connections: atOnce });

await measure(() =>
  eachOf(count, atOnce, async (index) => {
    const path = `${out}/${index}`;
    if (await lstat(path).catch(() => undefined)) throw new Error('there is something already');
    const { statusCode, body } = await pool.request({ path: `${pathname}/${index}`, method: 'GET' });
    if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    const bytes = Buffer.from(await body.arrayBuffer());
    await synced(`${path}.part`, 'wx', (file) => file.writeFile(bytes));
    await rename(`${path}.part`, path);
    await synced(out, 'r');
  }),
);

async function synced(path, flags, use) {
  const file = await open(path, flags);
  await use?.(file);
  await file.sync();
  await file.close();
}
