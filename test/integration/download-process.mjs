/**
 * A download in a process of its own, to be killed. Its argument is JSON: { url }, { obs } or { s3 }, a file and options. Tells
 * its parent each event that can be sent.
 */

import { createDownloadEvents, downloadFile, obs, s3 } from 'partstream';

const { url, obs: obsOptions, s3: s3Options, file, options } = JSON.parse(process.argv[2]);

const events = createDownloadEvents();
for (const name of ['discovered', 'planned', 'completed']) {
  events.on(name, (payload) => process.send({ name, payload }));
}
await downloadFile(url ?? (s3Options ? s3(s3Options) : obs(obsOptions)), file, { ...options, events });
process.disconnect();
