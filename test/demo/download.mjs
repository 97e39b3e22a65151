/**
 * The process that the demo kills: what anybody would write to download a file with a progress bar. Tells its parent how
 * far it is. Arguments: endpoint, bucket, key, file; the credentials are in the environment.
 */

import { Presets, SingleBar } from 'cli-progress';
import { createDownloadEvents, downloadFile, obs } from 'partstream';

const [endpoint, bucket, key, file] = process.argv.slice(2);

const mib = (bytes) => (bytes / 1024 ** 2).toFixed(0).padStart(3);
const numbers = '{percentage}% | {done} of {size} MiB | {rate} MiB/s | {left} s left';
const bar = new SingleBar(
  {
    stream: process.stdout,
    format: process.stdout.isTTY ? `  {bar} ${numbers}` : `  ${numbers}`,
    barsize: 30,
    noTTYOutput: true,
    notTTYSchedule: 1000,
  },
  Presets.shades_classic,
);

const events = createDownloadEvents();
events.on('*', (name, payload) => {
  if (name === 'planned' || name === 'progress' || name === 'completed') process.send?.({ name, payload });
});
let totalBytes = 0;
events.on('discovered', ({ object }) => {
  totalBytes = object.size;
});
events.on('planned', ({ resumedBytes }) => {
  bar.start(totalBytes, resumedBytes, { done: mib(resumedBytes), size: mib(totalBytes), rate: mib(0), left: '--' });
});
events.on('progress', ({ completedBytes, bytesPerSecond, etaSeconds }) => {
  const left = Number.isFinite(etaSeconds) ? etaSeconds.toFixed(0).padStart(2) : '--';
  bar.update(completedBytes, { done: mib(completedBytes), rate: mib(bytesPerSecond), left });
});

await downloadFile(obs({ endpoint, bucket, key }), file, { events, concurrency: 8 }).finally(() => bar.stop());
process.disconnect?.();
