// Gunzips and untars an archive while it is still being downloaded. The archive itself never lies on the disk.
//
//   npm install tar
//   node recipes/untar-while-downloading.mjs https://example.com/archive.tar.gz some/directory

import { mkdir } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { createDownloadStream } from 'partstream';
import { extract } from 'tar';

const [url, directory] = process.argv.slice(2);

await mkdir(directory, { recursive: true });
const download = createDownloadStream(url);
await pipeline(download, createGunzip(), extract({ cwd: directory }));

const { transferredBytes, requests } = await download.result;
console.log(`${transferredBytes} bytes in ${requests} requests, unpacked into ${directory}`);
