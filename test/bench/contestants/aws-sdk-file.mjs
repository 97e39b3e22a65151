/** @aws-sdk/client-s3: one getObject, its body piped to a file. It has no parallel download to a file. */

import { createWriteStream, readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { config, measure } from './measure.mjs';

const { url, ca, out } = config;
const { origin, pathname } = new URL(url);
const [, bucket, ...key] = pathname.split('/');
const client = new S3Client({
  endpoint: origin,
  region: 'us-east-1',
  forcePathStyle: true,
  // It looks for some before it asks the signer, who then adds nothing: anonymous, like all others.
  credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
  signer: { sign: async (request) => request },
  ...(ca === undefined ? {} : { requestHandler: { httpsAgent: new Agent({ ca: readFileSync(ca) }) } }),
});

await measure(async () => {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key.join('/') }));
  await pipeline(Body, createWriteStream(out));
});
