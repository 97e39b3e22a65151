/** The working directory of a process can be gone: another process has removed it. Then only absolute paths mean anything. */

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDownloadStream, downloadFile, openCheckpointSink } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { serve } from './download-bench.js';

const object = ramp(300_000);
const info = { size: 300_000, etag: '"e"', metadata: {}, headers: {} };
const home = process.cwd();
let directory: string;
let server: RangeServer;

beforeEach(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'lost-working-directory-')));
  server = await serve(object);
  const gone = join(directory, 'gone');
  mkdirSync(gone);
  process.chdir(gone);
  rmdirSync(gone);
});
afterEach(() => {
  process.chdir(home);
  rmSync(directory, { recursive: true });
});

describe('without a working directory', () => {
  it.each<[string, () => unknown]>([
    ['destination', () => downloadFile(server.url, 'object.bin')],
    ['destination', () => downloadFile(server.url)],
    ['destination.directory', () => downloadFile(server.url, { directory: '.' })],
    ['checkpoint', () => downloadFile(server.url, join(directory, 'object.bin'), { checkpoint: 'record' })],
    ['spool', async () => createDownloadStream(server.url, { spool: 'object.bin' })],
    ['path', () => openCheckpointSink('object.bin', info)],
    ['checkpoint', () => openCheckpointSink(join(directory, 'object.bin'), info, { checkpoint: 'record' })],
  ])('a relative %s is an InvalidOptionError: %s', async (option, run) => {
    await expect(run()).rejects.toMatchObject({ code: 'PS_ERR_INVALID_OPTION', option });
    expect(server.requests).toHaveLength(0);
  });

  it('an absolute destination is as good as ever', async () => {
    const path = join(directory, 'object.bin');
    await downloadFile(server.url, path);
    expect(readFileSync(path).equals(object.slice(0, 300_000))).toBe(true);
  });
});
