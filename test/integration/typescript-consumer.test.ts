import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Consumer, createConsumer } from '../consumer/packed-package.js';

let consumer: Consumer;
beforeAll(async () => {
  consumer = await createConsumer();
});
afterAll(() => consumer?.remove());

const TYPED = `
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type ByteRange, createDownloadEvents, createDownloadStream, createReassembler, discoverObject, downloadFile,
  type DownloadResult, fetchParts, http, isDownloadError, obs, openCheckpointSink, planParts, s3, type ObjectSource,
  type DownloadOptions, type RetryOptions, type TimeoutOptions,
} from 'partstream';
import { ObsClient } from 'partstream/obs-client';

export async function use(): Promise<string | undefined> {
  const source: ObjectSource = obs({ endpoint: 'https://obs.example.com', bucket: 'b', key: 'k' });
  s3({ endpoint: 'https://s3.example.com', bucket: 'b', key: 'k', credentials: () => ({ accessKeyId: 'a', secretAccessKey: 'b' }) });
  const events = createDownloadEvents();
  events.on('progress', ({ etaSeconds, completedBytes }) => completedBytes + (etaSeconds ?? 0));
  const result: DownloadResult = await downloadFile(source, { directory: '.' }, { events, verify: 'require' });
  const stream = createDownloadStream(http(({ reason }) => 'https://example.com/?' + reason), { partSize: 1024 * 1024 });
  await pipeline(stream, new Writable());
  const object = await discoverObject(source);
  const range: ByteRange = { start: 0, end: object.size };
  await pipeline(fetchParts(source, object, planParts(range, { partSize: 102_400 })), createReassembler(range), new Writable());
  const client = new ObsClient({ access_key_id: 'a', secret_access_key: 'b', server: 'obs.example.com' });
  const { CommonMsg } = await client.downloadFile({ Bucket: 'b', Key: 'k', PartSize: 5 * 1024 * 1024, TaskNum: 20 });
  try {
    return result.verification.value ?? String(CommonMsg.Status);
  } catch (error) {
    return isDownloadError(error) ? error.code : undefined;
  }
}
// Options by their own types.
export const retry: RetryOptions = { attempts: 3, maxDelayMs: undefined };
export const timeouts: TimeoutOptions = { stallMs: 5000 };
export const options: DownloadOptions = { retry, timeouts };
// What may be left out may be undefined.
export async function given(signal?: AbortSignal, ranges?: ByteRange[], token?: Record<string, string>): Promise<void> {
  const source: ObjectSource = {
    identity: 'mine://object', name: 'object', canRefresh: undefined, echoesContentEncoding: undefined,
    request: async () => ({ url: 'https://example.com', headers: token, tls: undefined }),
  };
  const object = await discoverObject(source, { signal });
  planParts({ start: 0, end: object.size }, { partSize: 102_400, completed: ranges });
  await openCheckpointSink('file', object, { signal, range: undefined, onCheckpointed: undefined, onObjectChanged: undefined });
}
// @ts-expect-error: an unknown option is refused by the types, too
void downloadFile('https://example.com', 'file', { partsize: 5 });
// @ts-expect-error: a destination is no number
void downloadFile('https://example.com', 5);
`;

const REQUIRED = `
import partstream = require('partstream');
import ObsClient = require('partstream/obs-client');
export const result: Promise<partstream.DownloadResult> = partstream.downloadFile('https://example.com/x');
export const client: ObsClient = new ObsClient({ access_key_id: 'a', secret_access_key: 'b', server: 'obs.example.com' });
`;

describe('a consumer in TypeScript, strict, with our declarations checked', () => {
  const strict = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
    ...{ target: 'es2022', lib: ['es2023'], types: ['node'] },
  };

  it.each([
    ['nodenext', { module: 'nodenext' }, ['typed.mts', 'required.cts']],
    ['bundler', { module: 'esnext', moduleResolution: 'bundler' }, ['typed.mts']],
  ])('compiles with the resolution %s', async (_name, options, files) => {
    await consumer.write('typed.mts', TYPED);
    await consumer.write('required.cts', REQUIRED);
    expect(await consumer.compile({ ...strict, ...options }, files)).toBe('');
  });
});
