/** partstream: many small objects, one downloadFile() each. */

import { downloadFile } from 'partstream';
import { config, eachOf, measure } from './measure.mjs';

const { url, out, count, atOnce } = config;

await measure(async () => {
  let requests = 0;
  await eachOf(count, atOnce, async (index) => {
    const result = await downloadFile(`${url}/${index}`, `${out}/${index}`);
    requests += result.requests;
  });
  return { requests };
});
