import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDownloadStream, downloadFile, type ObjectSource, obs } from '../../dist/index.js';
import type { ObsServerAnnouncement, ObsServerConfig } from '../fixtures/obs-server-main.js';
import { ramp } from '../fixtures/ramp.js';
import { sha256OfFile } from './noise-file.js';

const GiB = 1024 ** 3;
const object = ramp(GiB, 21);
let server: ChildProcess;
let source: ObjectSource;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'partstream-gib-'));
  const config: ObsServerConfig = {
    buckets: { bucket: {} },
    objects: [{ bucket: 'bucket', key: 'a gibibyte.bin', size: GiB, seed: 21 }],
  };
  const main = new URL('../fixtures/obs-server-main.ts', import.meta.url).pathname;
  server = spawn(process.execPath, ['--import', 'tsx', main, JSON.stringify(config)], {
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
  const [line] = await once(createInterface(server.stdout as Readable), 'line');
  const { endpoint, accessKeyId, secretAccessKey }: ObsServerAnnouncement = JSON.parse(line);
  source = obs({ endpoint, bucket: 'bucket', key: 'a gibibyte.bin', credentials: { accessKeyId, secretAccessKey } });
});
afterAll(async () => {
  const exit = once(server, 'exit');
  server.kill('SIGTERM');
  await exit;
  await rm(directory, { recursive: true, force: true });
});

describe('a gibibyte from the embedded OBS server', () => {
  it('is right as a file, and verified by its crc64ecma', async () => {
    const result = await downloadFile(source, join(directory, 'file'));
    expect(await sha256OfFile(join(directory, 'file'))).toBe(object.sha256());
    expect(result).toMatchObject({ retries: 0, verification: { scope: 'object', algorithm: 'crc64ecma' } });
  });

  it('is right as a stream, and verified by its crc64ecma', async () => {
    const stream = createDownloadStream(source);
    const hash = createHash('sha256');
    await pipeline(stream, hash);
    expect(hash.digest('hex')).toBe(object.sha256());
    expect(await stream.result).toMatchObject({
      retries: 0,
      verification: { scope: 'object', algorithm: 'crc64ecma' },
    });
  });
});
