import fs from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeFileOps, OPEN_NEW } from '../../src/sink/file-ops.js';
import { rampBytes, temporaryDirectory } from './sink-fixture.js';

afterEach(() => vi.restoreAllMocks());

/** The system writes no more than the next of these byte counts with each call, and then whatever it is given. */
function writeAtMost(byteCounts: readonly number[]) {
  const { writev } = fs;
  const limits = [...byteCounts];
  const short = (fd: number, buffers: readonly Uint8Array[], position: number, done: () => void) => {
    const limit = limits.shift() ?? Number.POSITIVE_INFINITY;
    if (limit === 0) return process.nextTick(done, null, 0);
    const whole = Buffer.concat(buffers);
    writev(fd, [whole.subarray(0, limit)], position, done);
  };
  return vi.spyOn(fs, 'writev').mockImplementation(short as unknown as typeof fs.writev);
}

const bytes = rampBytes(1000);
const [a, b, c] = [bytes.subarray(0, 100), bytes.subarray(100, 300), bytes.subarray(300)];

describe('a short write', () => {
  it.each([
    ['within the first buffer', [99]],
    ['at the end of a buffer', [100]],
    ['within a later buffer', [101]],
    ['a byte before the end', [999]],
    ['again and again', [1, 98, 1, 1, 199, 1, 300]],
  ])('is continued, never taken for a whole one: %s', async (_where, byteCounts) => {
    const path = join(await temporaryDirectory(), 'file');
    const file = await nodeFileOps.open(path, OPEN_NEW, 0o600);
    const writev = writeAtMost(byteCounts);
    await file.write([a, Buffer.alloc(0), b, c], 7);
    await file.close();
    expect(writev).toHaveBeenCalledTimes(byteCounts.length + 1);
    const written = await readFile(path);
    expect(written.subarray(7).equals(bytes)).toBe(true);
    expect(written.subarray(0, 7)).toEqual(Buffer.alloc(7));
  });

  it('of nothing at all is a failure, not a reason to try for ever', async () => {
    const file = await nodeFileOps.open(join(await temporaryDirectory(), 'file'), OPEN_NEW, 0o600);
    writeAtMost([100, 0]);
    await expect(file.write([a, b, c], 0)).rejects.toMatchObject({ code: 'EIO' });
    await file.close();
  });
});
