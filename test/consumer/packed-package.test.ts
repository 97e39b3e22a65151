import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Consumer, createConsumer } from './packed-package.js';

let consumer: Consumer;
beforeAll(async () => {
  consumer = await createConsumer();
});
afterAll(() => consumer?.remove());

const CONTENT = 'the object, byte for byte';

/** Serves CONTENT, runs `program` with its URL in `url`, and prints what that returns. */
function withServer(program: string): string {
  return `
    const server = createServer((request, response) => {
      response.setHeader('etag', '"1"').end(${JSON.stringify(CONTENT)});
    });
    server.listen(0, '127.0.0.1', async () => {
      const url = 'http://127.0.0.1:' + server.address().port + '/bucket/object.txt';
      const use = async () => { ${program} };
      console.log(JSON.stringify(await use()));
      server.close();
    });`;
}

const DOWNLOAD = `
  const { path } = await downloadFile(url, { directory: __dirname });
  return [path.endsWith('object.txt'), readFileSync(path, 'utf8')];`;

const BY_CLIENT = `
  const client = new ObsClient({ access_key_id: 'a', secret_access_key: 'b', server: url.replace(/.bucket.*/, '') });
  const { CommonMsg } = await client.downloadFile({ Bucket: 'bucket', Key: 'object.txt', DownloadFile: 'by-client' });
  client.close();
  return [CommonMsg.Status, readFileSync('by-client', 'utf8')];`;

describe('the packed package', () => {
  it('is required by CommonJS, and downloads', async () => {
    const head = `
      const { createServer } = require('node:http');
      const { readFileSync } = require('node:fs');
      const { downloadFile } = require('partstream');`;
    await consumer.write('main.cjs', head + withServer(DOWNLOAD));
    expect(JSON.parse(await consumer.run('main.cjs'))).toEqual([true, CONTENT]);
  });

  it("is the drop-in's class when CommonJS requires partstream/obs-client, and downloads", async () => {
    const head = `
      const { createServer } = require('node:http');
      const { readFileSync } = require('node:fs');
      const ObsClient = require('partstream/obs-client');`;
    await consumer.write('client.cjs', head + withServer(BY_CLIENT));
    expect(JSON.parse(await consumer.run('client.cjs'))).toEqual([200, CONTENT]);
  });

  it('is imported by a module, both entries of it', async () => {
    const head = `
      import { createServer } from 'node:http';
      import { readFileSync } from 'node:fs';
      import { downloadFile } from 'partstream';
      import { ObsClient } from 'partstream/obs-client';
      const __dirname = import.meta.dirname;`;
    await consumer.write('main.mjs', head + withServer(DOWNLOAD));
    expect(JSON.parse(await consumer.run('main.mjs'))).toEqual([true, CONTENT]);
    await consumer.write('client.mjs', head + withServer(BY_CLIENT));
    expect(JSON.parse(await consumer.run('client.mjs'))).toEqual([200, CONTENT]);
  });
});
