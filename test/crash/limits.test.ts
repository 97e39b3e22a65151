import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDownloadEvents, createDownloadStream, downloadFile, obs, PartFailedError } from '../../src/index.js';
import { resolveDestination } from '../../src/sink/destination.js';
import { nodeFileOps } from '../../src/sink/file-ops.js';
import { acquireDestinationLock } from '../../src/sink/lock.js';
import { obsServer } from '../fixtures/obs-server.js';
import { bytesObject, expectRamp, ramp } from '../fixtures/ramp.js';
import { rangeServer } from '../fixtures/range-server.js';
import { type PacedServer, startServer } from './processes.js';
import { count, openDirectory } from './suite.js';

const MiB = 1024 * 1024;
const SIZE = 8 * MiB + 5;
const DIST = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
let directory: Awaited<ReturnType<typeof openDirectory>>;
let server: PacedServer;

beforeAll(async () => {
  directory = await openDirectory();
  server = await startServer({ size: SIZE, seed: 3, bytesPerSecond: 8 * MiB });
});
afterAll(async () => {
  await server.stop();
  await directory.remove();
});

describe('one download', () => {
  it('a download has two files open and at most `concurrency` sockets (T149)', async () => {
    const concurrency = 4;
    const file = join(directory.path, 'descriptors');
    const seen = { files: 0, sockets: 0 };
    const sockets = () => openDescriptors().filter((target) => target.startsWith('socket:')).length;
    const before = sockets();
    const events = createDownloadEvents();
    events.on('progress', () => {
      const ours = openDescriptors().filter((target) => target.startsWith(directory.path));
      seen.files = Math.max(seen.files, ours.length);
      seen.sockets = Math.max(seen.sockets, sockets() - before);
    });
    await downloadFile(server.url('/descriptors'), file, { concurrency, partSize: MiB, events });
    expect(seen.files).toBe(2);
    expect(seen.sockets).toBeGreaterThan(0);
    expect(seen.sockets).toBeLessThanOrEqual(concurrency);
  });
});

describe('an outage', () => {
  it('that outlasts the retries ends the download, and the next call goes on from what is there (T018)', async () => {
    const object = ramp(4 * MiB, 9);
    const away = await rangeServer(object, [], { bytesPerSecond: 4 * MiB });
    const file = join(directory.path, 'outage');
    const events = createDownloadEvents();
    events.once('checkpointed', () => void away.down());
    const options = { concurrency: 2, partSize: MiB, retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 2 } };
    await expect(downloadFile(away.url, file, { ...options, events })).rejects.toBeInstanceOf(PartFailedError);
    await away.up();
    const { resumedBytes } = await downloadFile(away.url, file, options);
    expect(resumedBytes).toBeGreaterThan(0);
    expectRamp(await readFile(file), 0, 9);
    await away.close();
  });
});

describe('a version', () => {
  it('that was pinned is delivered although its key has been overwritten (T063)', async () => {
    const store = await obsServer();
    store.createBucket('bucket', { versioned: true });
    const old = bytesObject('the old version');
    const { versionId } = store.putObject('bucket', 'key', old, {});
    store.putObject('bucket', 'key', bytesObject('the new version'), {});
    const place = { endpoint: store.endpoint, bucket: 'bucket', key: 'key', credentials: store.credentials };
    const stream = createDownloadStream(obs({ ...place, versionId: versionId ?? '' }));
    expect(Buffer.concat(await stream.toArray()).toString()).toBe('the old version');
    expect((await stream.object).versionId).toBe(versionId);
    await store.close();
  });
});

describe('the destination', () => {
  it('and its part file are in one directory, so that publishing never crosses devices (T078)', async () => {
    const placed = { overwrite: true, checkpoint: '/dev/shm/elsewhere.checkpoint' };
    const place = await resolveDestination(join(directory.path, 'file'), 'name', placed);
    expect(dirname(place.partPath)).toBe(dirname(place.path));
  });

  it('that differs only by case is locked where the file system does not tell them apart (T083)', async () => {
    const lower = (path: string) => path.toLowerCase();
    const ops = {
      ...nodeFileOps,
      open: (path: string, flags: number, mode?: number) => nodeFileOps.open(lower(path), flags, mode),
      status: (path: string) => nodeFileOps.status(lower(path)),
      linkStatus: (path: string) => nodeFileOps.linkStatus(lower(path)),
      list: (path: string) => nodeFileOps.list(lower(path)),
      rename: (from: string, to: string) => nodeFileOps.rename(lower(from), lower(to)),
      unlink: (path: string) => nodeFileOps.unlink(lower(path)),
      makeDirectory: (path: string, options?: object) => nodeFileOps.makeDirectory(lower(path), options),
      removeDirectory: (path: string, options?: object) => nodeFileOps.removeDirectory(lower(path), options),
      setTimes: (path: string, a: Date, m: Date) => nodeFileOps.setTimes(lower(path), a, m),
    };
    const root = join(directory.path.toLowerCase(), 'case');
    await mkdir(root, { recursive: true });
    const placeOf = (name: string) => ({ path: join(root, name), lockPath: join(root, `${name}.part.lock`) });
    const first = await acquireDestinationLock(placeOf('a.bin'), { waitMs: 0, ops });
    await expect(acquireDestinationLock(placeOf('A.bin'), { waitMs: 0, ops })).rejects.toMatchObject({
      code: 'PS_ERR_LOCKED',
    });
    await first.release();
  });
});

describe('many at once', () => {
  it('200 downloads to 200 destinations are all right (T109)', { timeout: 60_000 }, async () => {
    const object = ramp(300_000, 4);
    const many = await rangeServer(object);
    const files = Array.from({ length: 200 }, (_, index) => join(directory.path, 'many', String(index)));
    const options = { partSize: 102_400, concurrency: 3, durability: 'none' } as const;
    const results = await Promise.all(files.map((file) => downloadFile(many.url, file, options)));
    expect(results.every(({ transferredBytes }) => transferredBytes === object.size)).toBe(true);
    for (const file of files) expectRamp(await readFile(file), 0, 4);
    await many.close();
  });

  it('a process with 40 descriptors and concurrency 64 ends with an error or a right file, and recovers (T148)', {
    timeout: 40_000,
  }, async () => {
    const file = join(directory.path, 'few-descriptors');
    const program = join(directory.path, 'few.mjs');
    await writeFile(
      program,
      `import { once } from 'node:events';
import { downloadFile } from ${JSON.stringify(DIST)};
const [url, file] = process.argv.slice(2);
const options = { partSize: 102400, retry: { attempts: 3, baseDelayMs: 5, maxDelayMs: 20 } };
console.log('ready');
await once(process.stdin, 'data');
process.stdin.unref();
const first = await downloadFile(url, file, { ...options, concurrency: 64 }).catch((error) => error);
let second;
// The connections of the first are closed when they have been idle for some seconds.
for (let tries = 0; second === undefined && tries < 40; tries += 1) {
  second = await downloadFile(url, file, { ...options, concurrency: 4 }).catch(() => undefined);
  if (second === undefined) await new Promise((resolve) => setTimeout(resolve, 250));
}
console.log(JSON.stringify({ code: first.code ?? 'right', path: second.path }));
`,
    );
    const child = spawn(process.execPath, [program, server.url('/few'), file]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => {
        output += bytes;
      });
    }
    // Loading modules takes more descriptors than the download may have.
    await once(child.stdout, 'data');
    spawnSync('prlimit', ['--nofile=40:40', '--pid', String(child.pid)]);
    child.stdin.end('go');
    const [code] = await once(child, 'exit');
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(JSON.parse(output.replace('ready\n', '')).code).toMatch(/^(right|PS_ERR_[A-Z_]+)$/);
    expectRamp(readFileSync(file), 0, 3);
  });
});

describe('at full speed', () => {
  it('the event loop of the host stays free, with every byte verified (T153)', async () => {
    const object = ramp(count('CRASH_LOOP_MIB', 64, 512) * MiB, 6);
    const fast = await obsServer();
    fast.createBucket('bucket', { public: true });
    fast.putObject('bucket', 'key', object, {});
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const place = { endpoint: fast.endpoint, bucket: 'bucket', key: 'key', credentials: 'anonymous' } as const;
    const { verification } = await downloadFile(obs(place), join(directory.path, 'fast'));
    delay.disable();
    expect(verification).toMatchObject({ scope: 'object', algorithm: 'crc64ecma' });
    // The server runs in this process too, and other test files beside it: `npm run bench -- loop-delay` measures it alone.
    expect(delay.percentile(50) / 1e6).toBeLessThan(100);
    await fast.close();
  });

  it('a long ordered stream holds its budget and no more, however long it is (T150)', {
    timeout: 600_000,
  }, async () => {
    const object = ramp(count('CRASH_STREAM_MIB', 256, 10_240) * MiB, 8);
    const long = await rangeServer(object);
    const bufferBytes = 16 * MiB;
    const samples: number[] = [];
    let seen = 0;
    for await (const bytes of createDownloadStream(long.url, { bufferBytes, partSize: MiB })) {
      const before = Math.floor((16 * seen) / object.size);
      seen += bytes.length;
      if (Math.floor((16 * seen) / object.size) === before) continue;
      collectGarbage();
      samples.push(process.memoryUsage().arrayBuffers);
    }
    expect(seen).toBe(object.size);
    expect(Math.max(...samples)).toBeLessThan(bufferBytes + 160 * MiB);
    await long.close();
  });
});

/** What is held, and not what V8 has not looked at yet. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
