/** esdk-obs-nodejs: many small objects, one downloadFile each. */

import { config, eachOf, measure } from './measure.mjs';
import { createSdk, sdkDownload } from './obs-sdk-client.mjs';

const { url, out, count, atOnce } = config;
const client = await createSdk(url);

await measure(() => eachOf(count, atOnce, (index) => sdkDownload(client, `${url}/${index}`, `${out}/${index}`)));
