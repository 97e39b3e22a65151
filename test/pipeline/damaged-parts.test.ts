/** The stations joined by hand, over a part file that is not what was recorded: one run heals it. */

import { mkdtemp, open, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { discoverObject, fetchParts, http, openCheckpointSink, planParts } from '../../src/index.js';
import { expectBytesOf, ramp } from '../fixtures/ramp.js';
import { rangesOf, serve } from './download-bench.js';

const MIB = 1024 * 1024;
const object = ramp(6 * MIB);
let destination: string;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'damaged-parts-'));
  destination = join(directory, 'object.bin');
});
afterEach(() => rm(directory, { recursive: true }));

it.each<[string, () => Promise<void>, string[]]>([
  ['as recorded', async () => {}, ['3145728-4194304', '4194304-5242880', '5242880-6291456']],
  [
    'flipped',
    async () => {
      const file = await open(`${destination}.part`, 'r+');
      await file.write(Buffer.from('damage'), 0, 6, 1.5 * MIB);
      await file.close();
    },
    ['1572864-2097152', '3145728-4194304', '4194304-5242880', '5242880-6291456'],
  ],
  [
    'cut off, as a power failure leaves bytes that were not synced',
    () => truncate(`${destination}.part`, 2 * MIB),
    ['2097152-3145728', '3145728-4194304', '4194304-5242880', '5242880-6291456'],
  ],
])('a part file that is %s is fetched and published by the next run', async (_, damage, expected) => {
  const server = await serve(object);
  const source = http(server.url);
  const found = await discoverObject(source);
  const open = () => openCheckpointSink(destination, found, { identity: source.identity });
  const first = await open();
  await pipeline(fetchParts(source, found, planParts({ start: 0, end: 3 * MIB }, { partSize: MIB })), first);
  await first.close();
  await damage();

  const before = server.requests.length;
  const sink = await open();
  const parts = planParts(sink.range, { partSize: MIB, completed: sink.completed });
  await pipeline(fetchParts(source, found, parts), sink);
  await sink.publish();
  expect(rangesOf({ ...server, requests: server.requests.slice(before) })).toEqual(expected);
  const bytes = await readFile(destination);
  expect(bytes.length).toBe(object.size);
  expectBytesOf(object, bytes);
  expect(await readdir(directory)).toEqual(['object.bin']);
});
