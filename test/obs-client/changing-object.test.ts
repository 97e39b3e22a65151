import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import ObsClient, { type DownloadFileParam } from '../../src/obs-client.js';
import { changeObjectAfter } from '../fixtures/answer-faults.js';
import { stall } from '../fixtures/connection-faults.js';
import { type ObsServer, obsServer } from '../fixtures/obs-server.js';
import { expectBytesOf, ramp } from '../fixtures/ramp.js';

const MIB = 1024 * 1024;
const SIZE = 4 * MIB;
/** As OBS has it for an appendable object: neither its ETag nor a header tells what all of its bytes are. */
const unchecked = { appendable: true, crc64: false };

let server: ObsServer;
let directory: string;
let file: string;

beforeEach(async () => {
  server = await obsServer();
  directory = await mkdtemp(join(tmpdir(), 'partstream-changing-'));
  file = join(directory, 'log');
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );

describe('downloadFile with a checkpoint', () => {
  it.each([
    ['grows', SIZE + 2 * MIB],
    ['shrinks', SIZE - MIB / 2],
    ['is rewritten', SIZE + MIB],
  ])('never takes two versions for one when the object %s between the first two requests', async (_how, size) => {
    const { accessKeyId, secretAccessKey } = server.credentials;
    const client = new ObsClient({
      access_key_id: accessKeyId,
      secret_access_key: secretAccessKey,
      server: server.endpoint,
      max_retry_count: 0,
    });
    const param: DownloadFileParam = { Bucket: 'data', Key: 'log', DownloadFile: file, EnableCheckpoint: true };
    const small = { ...param, PartSize: MIB, TaskNum: 2 };

    // What the first run leaves ends where its second half stalled.
    server.putObject('data', 'log', ramp(SIZE), { ...unchecked, etag: '"a-1"' });
    server.setFaults([stall({ offset: 2 * MIB, times: 9 })]);
    let cancel = () => {};
    const first = client.downloadFile({
      ...small,
      ResumeCallback: (control) => {
        cancel = control.cancel;
      },
      ProgressCallback: (transferred) => void (transferred >= 2 * MIB && cancel()),
    });
    expect(String(await failureOf(first))).toMatch(/^Download suspened:/);
    expect(await readdir(directory)).toContain('log.part.checkpoint');

    // The second run asks for the missing bytes, and is told of another object; so it has to ask for the beginning.
    server.putObject('data', 'log', ramp(SIZE + MIB, 50), { ...unchecked, etag: '"a-2"' });
    const last = ramp(size, 100);
    const requests = server.requests.length + 1;
    server.setFaults([changeObjectAfter({ requests, object: last, etag: '"a-3"' })]);
    expect(String(await failureOf(client.downloadFile(small)))).toMatch(/^(IncompletedDownload|DownloadFileFailed):/);
    expect(server.strikes()).toEqual({ changeObjectAfter: 1 });
    expect(await readdir(directory)).not.toContain('log');

    await client.downloadFile(small);
    const bytes = await readFile(file);
    expect(bytes.length).toBe(size);
    expectBytesOf(last, bytes);
  });
});
