import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChecksumError, DestinationError, downloadFile, http, PartFailedError } from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { chunkedCut } from '../fixtures/connection-faults.js';
import { expectBytesOf, ramp } from '../fixtures/ramp.js';
import { rangeServer } from '../fixtures/range-server.js';

const object = ramp(3_000_001);
const chunked = { noContentLength: true };
const retry = { attempts: 3, baseDelayMs: 1, maxDelayMs: 2 };
let directory: string;
let destination: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'unsized-'));
  destination = join(directory, 'object.bin');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('a file of an object whose size only its end tells', () => {
  it('is downloaded by one request, and its size is known at the end', async () => {
    const server = await rangeServer(object, [ignoreRange()], chunked);
    const result = await downloadFile(server.url, destination);
    expectBytesOf(object, await readFile(destination));
    expect(result.object.size).toBe(object.size);
    expect(result.range).toEqual({ start: 0, end: object.size });
    expect(server.requests).toHaveLength(1);
    expect(await readdir(directory)).toEqual(['object.bin']);
    await server.close();
  });

  it('goes on behind the bytes that it has when the body is cut', async () => {
    const server = await rangeServer(object, [ignoreRange(), chunkedCut({ afterBytes: 1_000_000 })], chunked);
    const { transferredBytes, retries } = await downloadFile(server.url, destination, { retry });
    expectBytesOf(object, await readFile(destination));
    expect(retries).toBe(1);
    // The body comes from its beginning again.
    expect(transferredBytes).toBe(object.size + 1_000_000);
    await server.close();
  });

  it('leaves nothing behind when the body is cut for ever', async () => {
    const cut = chunkedCut({ afterBytes: 1_000_000, times: 99 });
    const server = await rangeServer(object, [ignoreRange(), cut], chunked);
    await expect(downloadFile(server.url, destination, { retry })).rejects.toBeInstanceOf(PartFailedError);
    expect(await readdir(directory)).toEqual([]);
    await server.close();
  });

  it('is published only when it is what the caller expects', async () => {
    const server = await rangeServer(object, [ignoreRange()], chunked);
    await writeFile(destination, 'the old file');
    const expectedChecksum = { algorithm: 'sha256', value: '00'.repeat(32) } as const;
    await expect(downloadFile(server.url, destination, { expectedChecksum })).rejects.toBeInstanceOf(ChecksumError);
    expect(await readFile(destination, 'utf8')).toBe('the old file');
    const right = { algorithm: 'sha256', value: object.sha256() } as const;
    const { verification } = await downloadFile(server.url, destination, { expectedChecksum: right });
    expect(verification).toMatchObject({ scope: 'object', origin: 'caller' });
    expectBytesOf(object, await readFile(destination));
    await server.close();
  });

  it('holds only the bytes of a range that was asked for', async () => {
    const server = await rangeServer(object, [ignoreRange()], chunked);
    await downloadFile(server.url, destination, { range: { start: 1000, end: 500_000 } });
    expectBytesOf(object, await readFile(destination), 1000);
    expect((await readFile(destination)).length).toBe(499_000);
    await server.close();
  });

  it('never replaces a file without overwrite', async () => {
    const server = await rangeServer(object, [ignoreRange()], chunked);
    await writeFile(destination, 'mine');
    await expect(downloadFile(server.url, destination, { overwrite: false })).rejects.toBeInstanceOf(DestinationError);
    expect(server.requests).toHaveLength(0);
    await server.close();
  });
});

describe('a URL provider', () => {
  it('names the file and the checkpoint by its first URL, before anything is fetched', async () => {
    const server = await rangeServer(object);
    let asked = 0;
    const provider = () => {
      asked += 1;
      return `${server.url}?signature=${asked}`;
    };
    const { path } = await downloadFile(http(provider), { directory });
    expect(path).toBe(destination);
    expect(asked).toBe(1);
    await server.close();
  });
});
