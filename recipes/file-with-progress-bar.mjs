// Downloads a file with a progress bar in the terminal.
//
//   npm install cli-progress
//   node recipes/file-with-progress-bar.mjs https://example.com/model.bin model.bin

import { Presets, SingleBar } from 'cli-progress';
import { createDownloadEvents, downloadFile } from 'partstream';

const [url, file] = process.argv.slice(2);

const mib = (bytes) => (bytes / 1024 ** 2).toFixed(1);
const format = '{bar} {percentage}% | {done} of {size} MiB | {rate} MiB/s';
const bar = new SingleBar({ format, noTTYOutput: true }, Presets.shades_classic);

const events = createDownloadEvents();
events.once('discovered', ({ object }) => {
  bar.start(object.size, 0, { done: 0, size: mib(object.size), rate: 0 });
});
events.on('progress', ({ completedBytes, bytesPerSecond }) => {
  bar.update(completedBytes, { done: mib(completedBytes), rate: mib(bytesPerSecond) });
});

const { verification } = await downloadFile(url, file, { events }).finally(() => bar.stop());

console.log(verification.scope === 'object' ? `verified by ${verification.algorithm}` : verification.reason);
