/**
 * A download in a process of its own, to be killed: plain JavaScript on the built package, so that it starts fast. Takes
 * one job as its argument (and says what happened in lines of JSON), or waits for it on its IPC channel.
 */

import { createHash } from 'node:crypto';
import { createDownloadEvents, createDownloadStream, downloadFile } from '../../dist/index.js';

const say = (message) => {
  if (process.send) process.send(message);
  else process.stdout.write(`${JSON.stringify(message)}\n`);
};

/** `exitAt`: calls process.exit() in a listener of this event. */
async function run({ verb = 'file', url, file, options = {}, exitAt }) {
  const events = createDownloadEvents();
  if (exitAt) events.once(exitAt, () => process.exit(7));
  for (const name of ['planned', 'checkpointed']) events.on(name, (payload) => say({ name, ...payload }));
  try {
    if (verb === 'file') {
      const { resumedBytes, transferredBytes } = await downloadFile(url, file, { ...options, events });
      say({ name: 'completed', resumedBytes, transferredBytes });
    } else {
      const stream = createDownloadStream(url, { ...options, spool: file, events });
      const hash = createHash('sha256');
      let length = 0;
      for await (const chunk of stream) {
        hash.update(chunk);
        length += chunk.length;
      }
      const { resumedBytes, transferredBytes } = await stream.result;
      say({ name: 'completed', resumedBytes, transferredBytes, sha256: hash.digest('hex'), length });
    }
  } catch (error) {
    say({ name: 'failed', code: error.code, cause: error.cause?.code, message: String(error) });
  }
  process.disconnect?.();
}

if (process.argv[2]) await run(JSON.parse(process.argv[2]));
else {
  process.once('message', run);
  say({ name: 'ready' });
}
