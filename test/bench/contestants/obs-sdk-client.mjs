/** The official OBS SDK as its documentation starts it: anonymous, the bucket as the first folder of the path. */

import { setTimeout as sleep } from 'node:timers/promises';
import ObsClient from 'esdk-obs-nodejs';

/** Its constructor finishes asynchronously. */
export async function createSdk(url, ca) {
  const { protocol, hostname, port } = new URL(url);
  const client = new ObsClient({
    server: `${protocol}//${hostname}:${port}`,
    path_style: true,
    is_signature_negotiation: false,
    // Its default is not to look at the certificate at all.
    ...(ca === undefined ? {} : { ssl_verify: ca }),
  });
  await sleep(20);
  return client;
}

/** Its downloadFile as a promise of true; it rejects with a string. */
export async function sdkDownload(client, url, out, options = {}) {
  const [, bucket, ...key] = new URL(url).pathname.split('/');
  const param = { Bucket: bucket, Key: key.join('/'), DownloadFile: out, EnableCheckpoint: true, ...options };
  const { CommonMsg } = await client.downloadFile(param).catch((reason) => {
    throw new Error(`OBS SDK: ${reason}`);
  });
  if (CommonMsg.Status >= 300) throw new Error(`OBS SDK: status ${CommonMsg.Status}`);
}
