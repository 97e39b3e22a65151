import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDownloadEvents, type DownloadFileOptions, downloadFile, http } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { CHANGING_CALLS, type ChangingCall, countCalls, inject, whyNoStrace } from './strace.js';
import { count, inLanes, openDirectory, report } from './suite.js';

const MiB = 1024 * 1024;
/** Every how many-th crash point is tried. */
const STEP = count('CRASH_SWEEP_STEP', 17, 1);
const OLD = Buffer.from('the old file');
const object = ramp(3 * MiB + 12_345, 3);
const obstacle = whyNoStrace();
if (obstacle !== undefined) console.warn(`SKIPPED: ${obstacle}`);

let server: RangeServer;
let directory: Awaited<ReturnType<typeof openDirectory>>;
let halfFile: string;

beforeAll(async () => {
  directory = await openDirectory();
  server = await rangeServer(object);
  halfFile = join(directory.path, 'half', 'file');
  await leaveHalf(halfFile);
});
afterAll(async () => {
  await server.close();
  await directory.remove();
});

interface Shape {
  readonly title: string;
  readonly options: DownloadFileOptions;
  /** What is there before the download. */
  prepare(file: string): Promise<void>;
  readonly hasOld?: boolean;
}

const SHAPES: readonly Shape[] = [
  {
    title: 'one part over an old file',
    options: { range: { start: 0, end: 300_000 } },
    prepare: (file) => writeFile(file, OLD),
    hasOld: true,
  },
  {
    title: 'many parts of odd sizes, with a range',
    options: {
      range: { start: 12_345, end: object.size - 777 },
      partSize: 263_111,
      concurrency: 3,
      durability: 'strict',
    },
    prepare: async () => undefined,
  },
  {
    title: 'the rest of a half file',
    options: { partSize: MiB, concurrency: 2 },
    prepare: async (file) => {
      for (const ending of ['.part', '.part.checkpoint']) await copyFile(halfFile + ending, file + ending);
    },
  },
  {
    title: 'overwrite: false',
    options: { range: { start: 0, end: 1_200_000 }, partSize: 400_000, overwrite: false, durability: 'none' },
    prepare: async () => undefined,
  },
];

/** Leaves what a download leaves that was ended after its first blocks. */
async function leaveHalf(file: string): Promise<void> {
  const events = createDownloadEvents();
  const ending = new AbortController();
  const enough = new Error('half is enough');
  let recordings = 0;
  events.on('checkpointed', () => {
    recordings += 1;
    if (recordings === 2) ending.abort(enough);
  });
  const slow = await rangeServer(object, [], { bytesPerSecond: 6 * MiB, port: 0 });
  // The identity is that of the server that gives the rest.
  const source = http(slow.url, { identity: server.url });
  const options = { events, signal: ending.signal, partSize: MiB, concurrency: 1 };
  await expect(downloadFile(source, file, options)).rejects.toBe(enough);
  await slow.close();
  expect((await readdir(join(file, '..'))).sort()).toEqual(['file.part', 'file.part.checkpoint']);
}

function expectedBytes({ range }: DownloadFileOptions): Buffer {
  return object.slice(range?.start ?? 0, range?.end ?? object.size);
}

/** The old file, none, or the whole new one. */
async function checkUntouchedOrWhole(file: string, shape: Shape): Promise<boolean> {
  const there = await readFile(file).catch(() => undefined);
  if (there?.equals(expectedBytes(shape.options))) return true;
  expect(shape.hasOld ? there?.equals(OLD) : there === undefined).toBe(true);
  return false;
}

/** A plain second run must give the right file, and leave nothing beside it. */
async function finish(file: string, shape: Shape): Promise<number> {
  const { resumedBytes } = await downloadFile(server.url, file, shape.options);
  expect((await readFile(file)).equals(expectedBytes(shape.options))).toBe(true);
  // One that died before it had written who it is cannot be judged yet: its place in the queue goes when it is stale.
  // And nobody else knows the name of a small object that died before it got its own.
  const mayStay = /^file\.part\.(?:lock\.new|[0-9a-f]+)$/;
  const left = (await readdir(join(file, '..'))).filter((name) => !mayStay.test(name));
  expect(left).toEqual([basename(file)]);
  return resumedBytes;
}

async function freshFolder(shape: Shape, name: string): Promise<{ file: string; remove(): Promise<void> }> {
  const folder = join(directory.path, name.replaceAll(/[^\w]+/g, '-'));
  await mkdir(folder);
  await shape.prepare(join(folder, 'file'));
  return { file: join(folder, 'file'), remove: () => rm(folder, { recursive: true }) };
}

interface CrashPoint {
  readonly shape: Shape;
  readonly call: ChangingCall;
  readonly index: number;
}

/** Every call of a shape, and one more of each kind, where the timing of a run makes more of them. */
const known = new Map<Shape, Promise<CrashPoint[]>>();
function crashPoints(shape: Shape): Promise<CrashPoint[]> {
  const points = known.get(shape) ?? findCrashPoints(shape);
  known.set(shape, points);
  return points;
}

async function findCrashPoints(shape: Shape): Promise<CrashPoint[]> {
  const { file, remove } = await freshFolder(shape, `${shape.title} counted`);
  const counts = await countCalls({ url: server.url, file, options: shape.options }, directory.path);
  await remove();
  return CHANGING_CALLS.flatMap((call) => {
    const times = counts.get(call) ?? 0;
    return Array.from({ length: times === 0 ? 0 : times + 1 }, (_, index) => ({ shape, call, index: index + 1 }));
  });
}

describe.skipIf(obstacle !== undefined)('a process that ends at one system call', () => {
  it(`SIGKILL at every ${STEP === 1 ? '' : `${STEP}th `}write, sync, rename, link and unlink leaves nothing wrong (T091, T092)`, {
    timeout: 600_000,
  }, async () => {
    const totals = { points: 0, killed: 0, ranThrough: 0, publishedFirst: 0, twoNames: 0 };
    for (const [number, shape] of SHAPES.entries()) {
      const points = (await crashPoints(shape)).filter((_, index) => (index + number) % STEP === 0);
      const perShape = { killed: 0 };
      await inLanes(3, points, async ({ call, index }) => {
        const { file, remove } = await freshFolder(shape, `${shape.title} ${call} ${index}`);
        const ended = await inject(call, `signal=KILL:when=${index}`, {
          url: server.url,
          file,
          options: shape.options,
        });
        totals.points += 1;
        if (ended.signal === 'SIGKILL') {
          totals.killed += 1;
          perShape.killed += 1;
        } else {
          expect(ended.last?.name, `${shape.title}: ${call} ${index}`).toBe('completed');
          totals.ranThrough += 1;
        }
        const isPublished = await checkUntouchedOrWhole(file, shape);
        if (isPublished && ended.signal === 'SIGKILL') {
          totals.publishedFirst += 1;
          const status = await stat(file);
          if (status.nlink === 2) totals.twoNames += 1;
        }
        // A complete file that says so is a success; without its checkpoint it is one that `overwrite: false` protects.
        const left = await readdir(join(file, '..'));
        if (shape.options.overwrite === false && isPublished && !left.some((name) => name.endsWith('.checkpoint'))) {
          expect(left.filter((name) => !name.includes('.lock'))).toEqual(['file']);
        } else await finish(file, shape);
        await remove();
      });
      report(
        `system calls, ${shape.title}: SIGKILL at ${perShape.killed} of ${points.length} points, corrupt 0, stuck 0`,
      );
    }
    // How many calls a run makes depends on its timing: of the few points of the short form most may be missed.
    expect(totals.killed).toBeGreaterThan(STEP === 1 ? totals.points / 2 : 0);
    if (STEP === 1) {
      // The crash after the rename (or link) and before the checkpoint is gone, and the one between link and unlink.
      expect(totals.publishedFirst).toBeGreaterThan(4);
      expect(totals.twoNames).toBeGreaterThan(0);
    }
  });

  it('EIO and ENOSPC at any write, sync or rename end in a DiskError that the next run makes up for (T070, T071, T077)', {
    timeout: 600_000,
  }, async () => {
    const faults: readonly [ChangingCall, string][] = [
      ['pwritev', 'error=EIO'],
      ['pwritev', 'error=ENOSPC'],
      ['pwrite64', 'error=EIO'],
      ['fdatasync', 'error=EIO'],
      ['fsync', 'error=EIO'],
      ['ftruncate', 'error=EIO'],
      ['link', 'error=EIO'],
      ['rename', 'error=EIO'],
    ];
    let [failures, tolerated] = [0, 0];
    for (const [number, shape] of SHAPES.entries()) {
      const points = await crashPoints(shape);
      const cases = faults
        .flatMap(([call, fault]) => points.filter((point) => point.call === call).map((point) => ({ ...point, fault })))
        .filter((_, index) => (index + number) % STEP === 0);
      await inLanes(3, cases, async ({ call, index, fault }) => {
        const what = `${shape.title}: ${call} ${index} ${fault}`;
        const { file, remove } = await freshFolder(shape, what);
        const job = { url: server.url, file, options: shape.options };
        // A full disk stays full; a bad sector is one.
        const when = fault.endsWith('ENOSPC') ? `${index}+` : `${index}`;
        const { last } = await inject(call, `${fault}:when=${when}`, job);
        const isPublished = await checkUntouchedOrWhole(file, shape);
        if (last?.name === 'completed') {
          tolerated += 1;
          expect(isPublished, what).toBe(true);
        } else {
          failures += 1;
          expect(last, what).toMatchObject({
            name: 'failed',
            code: 'PS_ERR_DISK',
            cause: fault.slice('error='.length),
          });
        }
        if (shape.options.overwrite !== false || !isPublished) await finish(file, shape);
        await remove();
      });
    }
    report(`disk errors: ${failures} DiskErrors, ${tolerated} that changed nothing, corrupt 0, stuck 0`);
    expect(failures).toBeGreaterThan(0);
  });
});
