import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LockedError, ProtocolError } from '../../src/errors.js';
import type { PlacedChunk } from '../../src/part.js';
import { resolveDestination } from '../../src/sink/destination.js';
import type { DestinationLock } from '../../src/sink/lock.js';
import { openUnsizedFile } from '../../src/sink/unsized-file.js';
import { chunkOf, rampBytes, temporaryDirectory } from './sink-fixture.js';

const START = 100;
const bytes = rampBytes(1000);
const first = { start: START, end: START + 50 };

/** A file that begins at START and has its first 50 bytes. */
async function setUp() {
  const path = join(await temporaryDirectory(), 'f');
  const destination = await resolveDestination(path, '', { overwrite: true, checkpoint: true });
  let releases = 0;
  const lock: DestinationLock = {
    path,
    compromised: new AbortController().signal,
    check: async () => undefined,
    leave() {},
    async release() {
      releases += 1;
    },
  };
  const seen: Buffer[] = [];
  const file = await openUnsizedFile(START, {
    destination,
    lock,
    overwrite: true,
    signal: new AbortController().signal,
    onBytes: (taken) => seen.push(taken),
  });
  file.writable.on('error', () => undefined);
  const write = (chunk: PlacedChunk) =>
    new Promise<void>((resolve, reject) => {
      file.writable.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  await write(chunkOf(bytes, first));
  return { path, partPath: `${path}.part`, lock, file, write, seen, releases: () => releases };
}

describe('a file of an object whose size only its end tells', () => {
  it.each([
    ['a gap', { start: 151, end: 200 }],
    ['the same bytes again', first],
    ['bytes that overlap', { start: 149, end: 200 }],
    ['the place in the file for that in the object', { start: 50, end: 100 }],
  ])(
    'where only the end tells the size, a byte is taken only behind the one before it: refuses %s',
    async (_what, odd) => {
      const { partPath, file, write, seen } = await setUp();
      const chunk = chunkOf(bytes, odd);
      await expect(write(chunk)).rejects.toBeInstanceOf(ProtocolError);
      const right = bytes.subarray(first.start, first.end);
      expect(Buffer.concat(seen).equals(right)).toBe(true);
      expect(file.writtenBytes).toBe(right.length);
      expect((await readFile(partPath)).equals(right)).toBe(true);
      await file.close();
    },
  );

  it('is removed when it is closed early', async () => {
    const { path, file, releases } = await setUp();
    await file.close();
    expect(await readdir(dirname(path))).toEqual([]);
    expect(releases()).toBe(1);
  });

  it("a file that may be a successor's by now is not removed. The lock is looked at, not remembered", async () => {
    // The name leads to our file still: the successor has only just taken the lock.
    const locked = await setUp();
    locked.lock.check = () => Promise.reject(new LockedError(locked.path, 'taken over'));
    await locked.file.close();
    expect(await readdir(dirname(locked.path))).toEqual(['f.part']);
    expect(locked.releases()).toBe(1);

    // The lock says nothing, but the name leads to another file.
    const replaced = await setUp();
    await rename(replaced.partPath, `${replaced.partPath}.old`);
    await writeFile(replaced.partPath, 'of the successor');
    await replaced.file.close();
    expect(await readFile(replaced.partPath, 'utf8')).toBe('of the successor');
    expect(replaced.releases()).toBe(1);
  });
});
