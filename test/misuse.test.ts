/** What the building blocks, the events and the sources refuse, so that nothing that was asked for is dropped in silence. */

import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CheckpointSinkOptions,
  createDownloadEvents,
  DestinationError,
  downloadFile,
  fetchParts,
  http,
  InvalidOptionError,
  type ObjectInfo,
  type ObjectSource,
  openCheckpointSink,
  planParts,
} from '../src/index.js';
import { ramp } from './fixtures/ramp.js';
import { rangeServer } from './fixtures/range-server.js';

const object: ObjectInfo = { size: 100, etag: '"x"', metadata: {}, headers: {} };
const url = 'http://127.0.0.1:9/x';
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'partstream-misuse-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** What was thrown, or rejected with; undefined when nothing was. */
async function failureOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function expectRefusal(option: string, run: () => unknown): Promise<void> {
  const error = await failureOf(run);
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ option });
}

describe('openCheckpointSink', () => {
  const nothing = async () => {};
  it.each<[option: string, options: Record<string, unknown>]>([
    ['range.last', { range: { start: 0, end: 5, last: 4 } }],
    // These are for the verbs: with a lock of the caller's own, two could write one file.
    ['lock', { lock: { path: 'x', check: nothing, release: nothing, compromised: new AbortController().signal } }],
    ['destination', { destination: { path: 'x', partPath: 'y', lockPath: 'z', hadTraces: false } }],
    ['fileOps', { fileOps: {} }],
  ])('refuses %s, which is no option, before any file is made', async (option, options) => {
    const open = () => openCheckpointSink(join(directory, 'f'), object, options as CheckpointSinkOptions);
    await expectRefusal(option, open);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['the path, when it is empty', 'path', '', object],
    ['the path, when both are missing', 'path', '', undefined],
    ['the object, when it is missing', 'object', 'q', undefined],
  ])('names %s', async (_what, option, path, given) => {
    const at = path === '' ? path : join(directory, path);
    await expectRefusal(option, () => openCheckpointSink(at, given as ObjectInfo));
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('planParts', () => {
  it('refuses an unknown option, so that a misspelt one never makes parts of what is done', async () => {
    const options = { partSize: 10, complete: [{ start: 0, end: 50 }] };
    await expectRefusal('complete', () => planParts({ start: 0, end: 100 }, options));
  });
});

describe('fetchParts', () => {
  const parts = planParts({ start: 0, end: 100 }, { partSize: 100 });

  it('names the object when it is missing', async () => {
    await expectRefusal('object', () => fetchParts(url, undefined as unknown as ObjectInfo, parts));
  });

  it.each<[option: string, value: unknown]>([
    ['range', { start: 0, end: 50 }],
    ['conditions', { ifMatch: '"x"' }],
    ['expectedChecksum', { algorithm: 'crc32', value: '00000000' }],
    ['verify', 'require'],
  ])('refuses %s, which it could not keep', async (option, value) => {
    await expectRefusal(option, () => fetchParts(url, object, parts, { [option]: value }));
  });
});

describe('the events', () => {
  it.each([
    ['event', 'nosuch', () => {}],
    ['listener', 'progress', undefined],
  ])('refuse a wrong %s when it is added, not when it would be called', async (option, name, listener) => {
    const events = createDownloadEvents();
    for (const method of ['on', 'once'] as const) {
      await expectRefusal(option, () => events[method](name as 'progress', listener as () => void));
    }
  });
});

describe('a custom source', () => {
  it.each([
    ['without a name', undefined],
    ['whose name is no string', 7],
  ])('%s cannot name a file, which is said before anything is asked or made', async (_what, name) => {
    const server = await rangeServer(ramp(1000));
    const { identity, request } = http(server.url);
    const source = { identity, request, ...(name !== undefined && { name }) } as unknown as ObjectSource;
    await expectRefusal('source', () => downloadFile(source, { directory }));
    expect(server.requests).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
    await server.close();
  });

  it.each(['../évil "a".bin', 'a/'])('whose name %s is no path is refused with that very name', async (name) => {
    const source = { ...http(url), name };
    const error = await failureOf(() => downloadFile(source, { directory }));
    expect(error).toBeInstanceOf(DestinationError);
    expect(error).toMatchObject({ path: name });
  });
});
