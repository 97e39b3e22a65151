/** esdk-obs-nodejs: downloadFile with a checkpoint, in the part size and number of tasks that everybody has. */

import { rmSync } from 'node:fs';
import { config, measure } from './measure.mjs';
import { createSdk, sdkDownload } from './obs-sdk-client.mjs';

const { url, ca, out, partSize, concurrency, downloadsBefore = 0 } = config;
const client = await createSdk(url, ca);

const download = () => sdkDownload(client, url, out, { PartSize: partSize, TaskNum: concurrency });
for (let done = 0; done < downloadsBefore; done += 1) {
  await download();
  rmSync(out);
}
await measure(download);
