/** What the tests of resumed files share: a run that leaves something to go on from, and a directory with the file alone. */

import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { expect } from 'vitest';
import { createDownloadEvents, type DownloadFileOptions, downloadFile } from '../../src/index.js';
import { stall } from '../fixtures/connection-faults.js';
import { expectBytesOf, type TestObject } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { failureOf, QUICK } from './download-bench.js';

const STALLED_AT = 3 * 1024 * 1024;

/** A run that is aborted when some of it is recorded. Of an object of more than 3 MiB. */
export async function interruptRun(
  server: RangeServer,
  destination: string,
  options: DownloadFileOptions = {},
): Promise<void> {
  server.setFaults([stall({ offset: STALLED_AT, times: 99 })]);
  const controller = new AbortController();
  const events = createDownloadEvents();
  events.on('checkpointed', () => controller.abort(new Error('enough')));
  const given = { ...QUICK, ...options, signal: controller.signal, events };
  expect(await failureOf(downloadFile(server.url, destination, given))).toBe(controller.signal.reason);
  server.setFaults([]);
}

/** The file holds the object, and nothing stands beside it. */
export async function expectOnlyFile(destination: string, object: TestObject): Promise<void> {
  const bytes = await readFile(destination);
  expect(bytes.length).toBe(object.size);
  expectBytesOf(object, bytes);
  expect(await readdir(dirname(destination))).toEqual([basename(destination)]);
}
