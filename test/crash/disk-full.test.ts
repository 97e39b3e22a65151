import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createDownloadEvents,
  createDownloadStream,
  DiskError,
  type DownloadEvents,
  downloadFile,
} from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { openDirectory, report } from './suite.js';

const MiB = 1024 * 1024;
const object = ramp(6 * MiB + 999, 8);

const directory = await openDirectory();
const disk = join(directory.path, 'disk');
const isMounted = mount();
if (!isMounted) console.warn('SKIPPED: no tmpfs can be mounted here (it takes root)');

function mount(): boolean {
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let server: RangeServer;
beforeAll(async () => {
  server = await rangeServer(object, [], { bytesPerSecond: 6 * MiB });
});
afterAll(async () => {
  await server.close();
  if (isMounted) execFileSync('umount', [disk]);
  rmdirSync(disk);
  await directory.remove();
});

afterEach(async () => {
  for (const name of await readdir(disk)) await rm(join(disk, name), { recursive: true });
});

/** Takes the free space of the disk, all but so many bytes. */
function fill(leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
}

/** Fills it as soon as the first blocks are recorded. */
function fillLater(leaveBytes: number): DownloadEvents {
  const events = createDownloadEvents();
  events.once('checkpointed', () => fill(leaveBytes));
  return events;
}

describe.skipIf(!isMounted)('a disk of 8 MiB', () => {
  const options = { concurrency: 3, partSize: 512 * 1024 };

  it('that is too small is refused before the first part (T081)', async () => {
    fill(2 * MiB);
    await expect(downloadFile(server.url, join(disk, 'file'), options)).rejects.toMatchObject({
      code: 'PS_ERR_DISK',
      cause: { code: 'ENOSPC' },
    });
    expect(await readdir(disk)).toEqual(['filler']);
  });

  // The free bytes that are left decide where in a block the short write is.
  it.each([0, 4096, 100_000, 700_000])(
    'that runs full (%i bytes left) ends in a DiskError, and the next call goes on once there is space',
    async (leaveBytes) => {
      const events = fillLater(leaveBytes);
      const file = join(disk, 'file');
      const error = await downloadFile(server.url, file, { ...options, events }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DiskError);
      expect(error).toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
      expect(await readdir(disk)).not.toContain('file');
      expect((await readdir(disk)).filter((name) => name.includes('.lock'))).toEqual([]);
      await rm(join(disk, 'filler'));
      const { resumedBytes } = await downloadFile(server.url, file, options);
      // What the first record told.
      expect(resumedBytes).toBeGreaterThanOrEqual(MiB / 2);
      expect((await readFile(file)).equals(object.slice())).toBe(true);
      expect(await readdir(disk)).toEqual(['file']);
      report(`disk full: ${resumedBytes} of ${object.size} bytes kept with ${leaveBytes} bytes left, corrupt 0`);
    },
  );

  it('that runs full under a spooled stream ends it with a DiskError, and the next stream is right', async () => {
    const spool = join(disk, 'spool');
    const read = async (events = createDownloadEvents()) => {
      const chunks: Buffer[] = [];
      const stream = createDownloadStream(server.url, { ...options, spool, events });
      for await (const chunk of stream) chunks.push(chunk);
      await stream.result;
      return Buffer.concat(chunks);
    };
    const error = await read(fillLater(0)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'PS_ERR_DISK' });
    await rm(join(disk, 'filler'));
    expect((await read()).equals(object.slice())).toBe(true);
    expect(await readdir(disk)).toEqual([]);
  });
});
