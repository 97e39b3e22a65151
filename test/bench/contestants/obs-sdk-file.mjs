/** esdk-obs-nodejs: downloadFile with a checkpoint, in the part size and number of tasks that everybody has. */

import { config, measure } from './measure.mjs';
import { createSdk, sdkDownload } from './obs-sdk-client.mjs';

const { url, ca, out, partSize, concurrency } = config;
const client = await createSdk(url, ca);

await measure(() => sdkDownload(client, url, out, { PartSize: partSize, TaskNum: concurrency }));
