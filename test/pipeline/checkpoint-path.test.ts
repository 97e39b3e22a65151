import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadFile, http, InvalidOptionError, LockedError, type ObjectSource } from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { failureOf, PART, QUICK, serve } from './download-bench.js';

const SIZE = 20 * PART;
let directory: string;
let records: string;
let checkpoint: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'checkpoint-path-'));
  records = join(directory, 'records');
  await mkdir(records);
  checkpoint = join(records, 'ck');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A source that asks for no more than the beginning until it is let. */
function heldSource(url: string): { source: ObjectSource; letGo: () => void } {
  let letGo = () => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const inner = http(url);
  let asked = 0;
  const request: ObjectSource['request'] = async (context) => {
    asked += 1;
    if (asked > 2) await gate;
    return inner.request(context);
  };
  return { source: { ...inner, request }, letGo };
}

describe('a checkpoint with a path of its own', () => {
  it.each([
    ['data.new', 'data'],
    ['pkg.lock', 'pkg'],
    ['f', 'f.part.lock.new'],
  ])(
    'for %s at %s: neither a checkpoint nor what stands beside it is ever in the place of the own files',
    async (to, ck) => {
      const server = await serve(ramp(PART));
      const given = { ...QUICK, checkpoint: join(directory, ck) };
      const error = await failureOf(downloadFile(server.url, join(directory, to), given));
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ option: 'checkpoint' });
      expect(server.requests).toEqual([]);
    },
  );

  it('belongs to one download at a time, whatever their destinations', async () => {
    const server = await serve(ramp(SIZE));
    const options = { ...QUICK, checkpoint };
    const { source, letGo } = heldSource(server.url);
    const first = downloadFile(source, join(directory, 'a'), options);
    await expect.poll(() => existsSync(checkpoint), { interval: 5 }).toBe(true);
    const before = await readFile(checkpoint);

    expect(await failureOf(downloadFile(server.url, join(directory, 'b'), options))).toBeInstanceOf(LockedError);
    expect((await readdir(directory)).filter((name) => name.startsWith('b'))).toEqual([]);
    // The first download may have recorded more by now, but nobody has begun it anew.
    expect((await readFile(checkpoint)).subarray(0, before.length).equals(before)).toBe(true);
    expect((await readdir(records)).sort()).toEqual(['ck', 'ck.lock']);

    letGo();
    await first;
    expectRamp(await readFile(join(directory, 'a')));
    expect((await readdir(directory)).sort()).toEqual(['a', 'records']);
    expect(await readdir(records)).toEqual([]);
  });

  it('serves another destination after a download that failed', async () => {
    const server = await serve(ramp(SIZE), [status(404, { fromRequest: 5, times: 99 })]);
    const options = { ...QUICK, checkpoint };
    await failureOf(downloadFile(server.url, join(directory, 'a'), options));
    expect(await readdir(records)).toEqual(['ck']);

    server.setFaults([]);
    await downloadFile(server.url, join(directory, 'b'), options);
    const bytes = await readFile(join(directory, 'b'));
    expect(bytes.length).toBe(SIZE);
    expectRamp(bytes);
    expect(await readdir(records)).toEqual([]);
  });

  it('that is the path of the file is refused before a directory is made', async () => {
    const server = await serve(ramp(SIZE));
    const path = join(directory, 'new', 'deep', 'f');
    const error = await failureOf(downloadFile(server.url, path, { checkpoint: path }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'checkpoint' });
    expect(await readdir(directory)).toEqual(['records']);
    expect(server.requests).toEqual([]);
  });
});
