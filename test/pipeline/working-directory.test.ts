/** A relative path is that of the moment of the call: where the process goes afterwards moves nothing. */

import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDownloadEvents,
  createDownloadStream,
  discoverObject,
  downloadFile,
  http,
  openCheckpointSink,
} from '../../src/index.js';
import { stall } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { failureOf, QUICK, serve } from './download-bench.js';

const MIB = 1024 * 1024;
const home = process.cwd();
let directory: string;
let here: string;
let server: RangeServer;
const source = () => http(async () => server.url);

beforeEach(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'working-directory-')));
  here = join(directory, 'here');
  for (const name of ['here', 'there']) mkdirSync(join(directory, name));
  server = await serve(ramp(4 * MIB));
  process.chdir(here);
});
afterEach(() => {
  process.chdir(home);
  rmSync(directory, { recursive: true });
});

const leave = () => process.chdir(join(directory, 'there'));
const files = () => readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();

describe('right after the call the process goes elsewhere', () => {
  it.each([
    ['object.bin', undefined],
    ['./x/../object.bin', undefined],
    [{ directory: '.' }, undefined],
    [undefined, undefined],
    ['object.bin', false],
  ])('the file is where it was asked for: %j, overwrite %s', async (destination, overwrite) => {
    const run = downloadFile(source(), destination, { ...QUICK, overwrite });
    leave();
    expect((await run).path).toBe(join(here, 'object.bin'));
    expect(files()).toEqual(['here', 'here/object.bin', 'there']);
  });

  /** Until some of it is recorded. */
  function interrupted() {
    server.setFaults([stall({ offset: 3 * MIB, times: 99 })]);
    const controller = new AbortController();
    const events = createDownloadEvents();
    events.on('checkpointed', () => controller.abort(new Error('enough')));
    return { ...QUICK, events, signal: controller.signal };
  }

  it('a checkpoint is where it was asked for', async () => {
    const run = failureOf(downloadFile(source(), 'object.bin', { ...interrupted(), checkpoint: 'records/ck' }));
    leave();
    await run;
    expect(files()).toEqual(['here', 'here/object.bin.part', 'here/records', 'here/records/ck', 'there']);
  });

  it('a spool is where it was asked for', async () => {
    const stream = createDownloadStream(source(), { ...interrupted(), spool: 'spool' });
    leave();
    await failureOf(stream.resume().on('error', () => {}).result);
    await expect.poll(files).toEqual(['here', 'here/spool.part', 'here/spool.part.checkpoint', 'there']);
  });

  it('a sink is where it was asked for', async () => {
    const object = await discoverObject(server.url);
    const opening = openCheckpointSink('object.bin', object, { checkpoint: 'records/ck' });
    leave();
    const sink = await opening;
    expect(sink.path).toBe(join(here, 'object.bin'));
    await sink.close();
    expect(files()).toEqual(['here', 'here/object.bin.part', 'here/records', 'here/records/ck', 'there']);
  });
});
