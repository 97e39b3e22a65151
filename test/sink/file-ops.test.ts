import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFileOps, OPEN_EXISTING, OPEN_NEW } from '../../src/sink/file-ops.js';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'partstream-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('an open file', () => {
  it('is read and written at absolute positions, over many buffers', async () => {
    const file = await nodeFileOps.open(path, OPEN_NEW, 0o600);
    await file.write([Buffer.from('abc'), Buffer.alloc(0), Buffer.from('def')], 2);
    await file.write([Buffer.from('xy')], 0);
    const bytes = Buffer.alloc(10);
    expect(await file.read(bytes, 1)).toBe(7);
    expect(bytes.toString('latin1')).toBe('yabcdef\0\0\0');
    expect((await file.status()).size).toBe(8n);
    await file.close();
    expect(readFileSync(path, 'latin1')).toBe('xyabcdef');
  });

  it('bytes are never written at a position that is not a safe integer', async () => {
    const file = await nodeFileOps.open(path, OPEN_NEW, 0o600);
    for (const position of [-1, 0.5, Number.NaN, 2 ** 53]) {
      await expect(file.write([Buffer.from('a')], position)).rejects.toThrow(RangeError);
      await expect(file.read(Buffer.alloc(1), position)).rejects.toThrow(RangeError);
    }
    await file.close();
    expect(readFileSync(path)).toHaveLength(0);
  });

  it('a descriptor that is closed, or about to be, is not used', async () => {
    const written = await nodeFileOps.open(path, OPEN_NEW, 0o600);
    await written.write([Buffer.from('abc')], 0);
    await written.close();
    const file = await nodeFileOps.open(path, OPEN_EXISTING);
    // More than there is: it takes a second look to see the end.
    const reading = file.read(Buffer.alloc(10), 0);
    const closing = file.close();
    await expect(file.sync()).rejects.toMatchObject({ code: 'EBADF' });
    // A new file gets the number of one that was closed.
    const other = await nodeFileOps.open(join(directory, 'other'), OPEN_NEW, 0o600);
    expect(await reading).toBe(3);
    await closing;
    await file.close();
    await expect(file.write([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EBADF' });
    expect((await other.status()).size).toBe(0n);
    await other.close();
  });
});
