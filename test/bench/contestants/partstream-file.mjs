/** partstream: downloadFile(), as a user would call it. With `loopDelay` it also watches the event loop. */

import { readFileSync, rmSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { downloadFile, http } from 'partstream';
import { config, measure } from './measure.mjs';

const { url, ca, out, options = {}, loopDelay, downloadsBefore = 0 } = config;
const source = http(url, ca === undefined ? {} : { tls: { ca: readFileSync(ca) } });
// What it records is the time between two looks, the millisecond of its own timer included.
const delay = loopDelay ? monitorEventLoopDelay({ resolution: 1 }) : undefined;

for (let done = 0; done < downloadsBefore; done += 1) {
  await downloadFile(source, out, options);
  rmSync(out);
}
await measure(async () => {
  delay?.enable();
  const { requests, retries, hedges, transferredBytes, resumedBytes, verification } = await downloadFile(
    source,
    out,
    options,
  );
  delay?.disable();
  return {
    requests,
    retries,
    hedges,
    transferredBytes,
    resumedBytes,
    isVerified: verification.scope === 'object' ? 1 : 0,
    ...(delay && { delayP99Ms: delay.percentile(99) / 1e6, delayMaxMs: delay.max / 1e6 }),
  };
});
