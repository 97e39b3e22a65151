/**
 * A download in a process of its own, to be killed. Its argument is JSON: { url } or { obs }, a file and options. Tells
 * its parent each event that can be sent.
 */

import { createDownloadEvents, downloadFile, obs } from 'partstream';

const { url, obs: store, file, options } = JSON.parse(process.argv[2]);

const events = createDownloadEvents();
for (const name of ['discovered', 'planned', 'completed']) {
  events.on(name, (payload) => process.send({ name, payload }));
}
await downloadFile(url ?? obs(store), file, { ...options, events });
process.disconnect();
