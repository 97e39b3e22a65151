import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadFile } from '../../src/index.js';
import { stall } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { rangeServer } from '../fixtures/range-server.js';

const KIB = 1024;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'small-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** What stands beside the destination while the end of the object is awaited. */
async function namesWhileWaiting(size: number, partSize?: number): Promise<string[]> {
  const server = await rangeServer(ramp(size), [stall({ offset: size - 1, afterBytes: 50 * KIB })]);
  const controller = new AbortController();
  const options = { signal: controller.signal, retry: { attempts: 1 }, ...(partSize !== undefined && { partSize }) };
  const download = downloadFile(server.url, join(directory, 'object'), options);
  download.catch(() => {});
  while (!(await readdir(directory)).includes('object.part')) await new Promise(setImmediate);
  const names = await readdir(directory);
  controller.abort(new Error('seen enough'));
  await expect(download).rejects.toThrow('seen enough');
  await server.close();
  return names.sort();
}

describe('a small object', () => {
  it('takes one request, and no checkpoint when one response brings less than a block', async () => {
    expect(await namesWhileWaiting(200 * KIB)).toEqual(['object.part', 'object.part.lock']);
    expect(await readdir(directory)).toEqual([]);
    const server = await rangeServer(ramp(200 * KIB));
    await downloadFile(server.url, join(directory, 'object'));
    expect(server.requests).toHaveLength(1);
    await server.close();
  });

  it('has a checkpoint when it takes several parts', async () => {
    expect(await namesWhileWaiting(400 * KIB, 102_400)).toContain('object.part.checkpoint');
  });

  it('has a checkpoint when it is larger than a block', async () => {
    expect(await namesWhileWaiting(2000 * KIB)).toContain('object.part.checkpoint');
  });
});
