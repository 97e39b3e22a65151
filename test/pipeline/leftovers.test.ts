/** What an earlier run, or an earlier try of the same run, has left beside the file, and what becomes of it. */

import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DestinationError,
  discoverObject,
  downloadFile,
  fetchParts,
  http,
  openCheckpointSink,
  planParts,
} from '../../src/index.js';
import { changeObjectAfter } from '../fixtures/answer-faults.js';
import { ramp, type TestObject } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { failureOf, PART, QUICK, serve } from './download-bench.js';
import { expectOnlyFile, interruptRun } from './interrupted-run.js';

const MIB = 1024 * 1024;
const large = ramp(4 * MIB);
const small = ramp(PART / 2, 100);
let directory: string;
let destination: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'leftovers-'));
  destination = join(directory, 'object.bin');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function interrupt(server: RangeServer): Promise<void> {
  await interruptRun(server, destination);
  expect((await readdir(directory)).sort()).toEqual(['object.bin.part', 'object.bin.part.checkpoint']);
}

const expectOnlyTheFile = (object: TestObject) => expectOnlyFile(destination, object);

describe('a download that succeeds', () => {
  it('leaves nothing of a run whose checkpoint was elsewhere, the object being a small one now', async () => {
    const server = await serve(large);
    const elsewhere = await mkdtemp(join(tmpdir(), 'leftovers-elsewhere-'));
    await interruptRun(server, destination, { checkpoint: join(elsewhere, 'ck') });
    server.replaceObject(small);
    await downloadFile(server.url, destination, QUICK);
    await expectOnlyTheFile(small);
    await rm(elsewhere, { recursive: true });
  });

  it('leaves nothing of the large object that became a small one while it ran', async () => {
    const server = await serve(large, [changeObjectAfter({ requests: 3, object: small })]);
    const { object } = await downloadFile(server.url, destination, { ...QUICK, onObjectChanged: 'restart' });
    expect(object.size).toBe(small.size);
    await expectOnlyTheFile(small);
  });

  it.each([
    ['as large as before', large],
    ['a small one now', small],
  ])('without a checkpoint leaves nothing of a run that had one, the object being %s', async (_what, object) => {
    const server = await serve(large);
    await interrupt(server);
    if (object !== large) server.replaceObject(object);
    await downloadFile(server.url, destination, { ...QUICK, checkpoint: false });
    await expectOnlyTheFile(object);
  });
});

describe('without overwrite', () => {
  it('a file that is there is refused before any request, whatever an unfinished download has left', async () => {
    const server = await serve(large);
    await interrupt(server);
    await writeFile(destination, 'mine');
    const left = (await readdir(directory)).sort();
    const before = server.requests.length;
    const error = await failureOf(downloadFile(server.url, destination, { ...QUICK, overwrite: false }));
    expect(error).toBeInstanceOf(DestinationError);
    expect(error).toMatchObject({ reason: 'exists' });
    expect(server.requests).toHaveLength(before);
    expect(await readFile(destination, 'utf8')).toBe('mine');
    // It can still be gone on with, once the file is out of the way.
    expect((await readdir(directory)).sort()).toEqual(left);
  });

  it('a file that is there is the download when only the end of its publishing was cut short', async () => {
    const server = await serve(large);
    const object = await discoverObject(server.url);
    const sink = await openCheckpointSink(destination, object, { identity: http(server.url).identity });
    await pipeline(fetchParts(server.url, object, planParts(sink.range, { partSize: MIB }), QUICK), sink);
    await sink.close();
    await rename(`${destination}.part`, destination);
    const { resumedBytes } = await downloadFile(server.url, destination, { ...QUICK, overwrite: false });
    expect(resumedBytes).toBe(large.size);
    await expectOnlyTheFile(large);
  });
});
