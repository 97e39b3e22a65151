import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDownloadStream, type DownloadStream, LockedError } from '../../src/index.js';
import { header } from '../fixtures/answer-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';

const MIB = 1024 * 1024;
const object = ramp(12 * MIB + 12_345);
const options = { partSize: MIB, concurrency: 3, bufferBytes: 3 * MIB };
let directory: string;
let spool: string;
let server: RangeServer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-'));
  spool = join(directory, 'data.spool');
  server = await rangeServer(object);
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

async function digest(stream: DownloadStream): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of stream) hash.update(bytes);
  return hash.digest('hex');
}

/** Reads some bytes, and ends the stream as a crash would: in the middle. */
async function readSome(stream: DownloadStream, byteCount: number): Promise<void> {
  let seen = 0;
  for await (const bytes of stream) {
    seen += bytes.length;
    if (seen >= byteCount) break;
  }
  if (!stream.closed) await once(stream, 'close').catch(() => {});
  while (!stream.closed) await new Promise(setImmediate);
}

describe('a spooled stream', () => {
  it('gives the same bytes as one without a spool, and leaves nothing behind', async () => {
    const stream = createDownloadStream(server.url, { ...options, spool });
    expect(await digest(stream)).toBe(object.sha256());
    await stream.result;
    expect(await readdir(directory)).toEqual([]);
  });

  it('serves what an earlier one left from disk, and fetches only the rest', async () => {
    await readSome(createDownloadStream(server.url, { ...options, spool }), 6 * MIB);
    const before = server.requests.length;

    const stream = createDownloadStream(server.url, { ...options, partSize: 2 * MIB, spool });
    expect(await digest(stream)).toBe(object.sha256());
    const { resumedBytes, transferredBytes } = await stream.result;
    expect(resumedBytes).toBeGreaterThanOrEqual(4 * MIB);
    expect(resumedBytes + transferredBytes).toBeLessThanOrEqual(object.size + 1);
    expect(server.requests.length).toBeGreaterThan(before);
    expect(await readdir(directory)).toEqual([]);
  });

  it('fetches a block again that is damaged on disk, and only that one', async () => {
    await readSome(createDownloadStream(server.url, { ...options, spool }), 6 * MIB);
    const file = await open(`${spool}.part`, 'r+');
    await file.write(Buffer.from('damage'), 0, 6, 1.5 * MIB);
    await file.close();
    const before = server.requests.length;

    const stream = createDownloadStream(server.url, { ...options, spool });
    expect(await digest(stream)).toBe(object.sha256());
    const { resumedBytes, transferredBytes } = await stream.result;
    expect(resumedBytes + transferredBytes).toBeLessThanOrEqual(object.size + 1);
    expect(server.requests.slice(before).some(({ range }) => range?.start === MIB && range.end === 2 * MIB)).toBe(true);
  });

  it('starts afresh when the object was replaced in the meantime', async () => {
    await readSome(createDownloadStream(server.url, { ...options, spool }), 6 * MIB);
    const other = ramp(object.size, 7);
    server.replaceObject(other);

    const stream = createDownloadStream(server.url, { ...options, spool });
    const changes: unknown[] = [];
    stream.events.on('objectChanged', (change) => changes.push(change));
    expect(await digest(stream)).toBe(other.sha256());
    expect((await stream.result).resumedBytes).toBe(0);
    expect(changes).toHaveLength(1);
  });

  it('checks the whole object although a part of it came from disk', async () => {
    await server.close();
    server = await rangeServer(object, [header('x-obs-checksum-crc64ecma', object.crc64ecma())]);
    await readSome(createDownloadStream(server.url, { ...options, spool }), 6 * MIB);
    const stream = createDownloadStream(server.url, { ...options, spool });
    expect(await digest(stream)).toBe(object.sha256());
    expect((await stream.result).verification).toMatchObject({ scope: 'object', algorithm: 'crc64ecma' });
  });

  it('keeps its spool to itself: a second stream with the same spool is refused', async () => {
    const first = createDownloadStream(server.url, { ...options, spool });
    await first.object;
    const second = createDownloadStream(server.url, { ...options, spool });
    await expect(second.object).rejects.toBeInstanceOf(LockedError);
    await new Promise((resolve) => second.once('error', resolve));
    expect(await digest(first)).toBe(object.sha256());
  });

  it('is free again when the stream has closed, also when that was destroyed while it opened', async () => {
    for (let delayMs = 0; delayMs < 30; delayMs += 1) {
      const stream = createDownloadStream(server.url, { ...options, spool });
      const failed = stream.object.catch((error: unknown) => error);
      await new Promise((resolve) => setTimeout(resolve, delayMs / 3));
      stream.destroy();
      await once(stream, 'close');
      expect(await failed).not.toBeInstanceOf(LockedError);
    }
    expect(await digest(createDownloadStream(server.url, { ...options, spool }))).toBe(object.sha256());
  });

  it('holds no more than its budget although the reader has stopped, and goes on when it reads again', async () => {
    const stream = createDownloadStream(server.url, { ...options, spool });
    await stream.object;
    let asked = -1;
    while (asked !== server.requests.length) {
      asked = server.requests.length;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    const askedBytes = server.requests.reduce((sum, { range }) => sum + (range ? range.end - range.start : 0), 0);
    expect(askedBytes).toBeLessThanOrEqual(5 * MIB);
    expect(await digest(stream)).toBe(object.sha256());
  });
});
