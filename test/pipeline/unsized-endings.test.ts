import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDownloadEvents, DestinationError, downloadFile } from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { failureOf, QUICK, serve } from './download-bench.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'unsized-endings-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('an object whose size only its end tells', () => {
  it('leaves no part file when its publishing fails after the file was closed', async () => {
    const server = await serve(ramp(100_000), [ignoreRange({ times: 99 })], { noContentLength: true });
    const events = createDownloadEvents();
    const destination = join(directory, 'f');
    const appeared: Promise<void>[] = [];
    // Somebody takes the name while the bytes come.
    events.on('planned', () => appeared.push(writeFile(destination, 'taken')));
    const error = await failureOf(downloadFile(server.url, destination, { ...QUICK, overwrite: false, events }));
    await Promise.all(appeared);
    expect(error).toBeInstanceOf(DestinationError);
    expect(await readdir(directory)).toEqual(['f']);
  });
});
