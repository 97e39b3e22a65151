// Downloads an object of OBS into a file. End it while it runs (Ctrl-C, kill -9): the same command again goes on with
// the bytes that are missing. When the object is another one by then, it starts afresh.
//
//   export OBS_ACCESS_KEY_ID=... OBS_SECRET_ACCESS_KEY=...
//   node recipes/resume-after-a-crash.mjs https://obs.cn-north-4.myhuaweicloud.com bucket some/key file.bin

import { createDownloadEvents, downloadFile, obs } from 'partstream';

const [endpoint, bucket, key, file] = process.argv.slice(2);

const events = createDownloadEvents();
events.on('planned', ({ resumedBytes }) => console.log(`${resumedBytes} bytes are on the disk already`));
events.on('checkpointed', ({ completedBytes }) => console.log(`${completedBytes} bytes are recorded`));
events.on('objectChanged', () => console.log('the object is another one than before'));

const result = await downloadFile(obs({ endpoint, bucket, key }), file, { events });

console.log(`fetched ${result.transferredBytes}, resumed ${result.resumedBytes} of ${result.object.size} bytes`);
console.log(`verification: ${result.verification.algorithm ?? result.verification.reason}`);
