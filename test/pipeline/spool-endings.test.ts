/** How a spooled stream ends: with what it delivered, whatever becomes of the spool then; and without a spool. */

import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createDownloadStream,
  type DownloadStreamOptions,
  discoverObject,
  downloadFile,
  fetchParts,
  http,
  openCheckpointSink,
  planParts,
} from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { chunked } from '../fixtures/connection-faults.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { pause, QUICK, recorder, serve } from './download-bench.js';

const MIB = 1024 * 1024;
const SIZE = 4 * MIB + 777;
const options: DownloadStreamOptions = { ...QUICK, partSize: MIB / 2, bufferBytes: 2 * MIB };
let directory: string;
let spool: string;
let server: RangeServer;

const strays: unknown[] = [];
const onStray = (error: unknown) => void strays.push(error);
beforeEach(async () => {
  process.on('unhandledRejection', onStray).on('warning', onStray);
  directory = await mkdtemp(join(tmpdir(), 'spool-endings-'));
  spool = join(directory, 'data');
  server = await serve(ramp(SIZE));
});
afterEach(async () => {
  await pause(5);
  process.off('unhandledRejection', onStray).off('warning', onStray);
  await rm(directory, { recursive: true, force: true });
  expect(strays.splice(0)).toEqual([]);
});

/** Reads a stream to its end, does something in its 'end' handler, and waits until it has closed. */
async function readToEnd(atEnd: (stream: ReturnType<typeof createDownloadStream>) => void, more = {}) {
  const { events, all } = recorder();
  const stream = createDownloadStream(server.url, { ...options, spool, events, ...more });
  const told: string[] = [];
  const received: Buffer[] = [];
  for (const name of ['end', 'error', 'close']) stream.on(name, () => told.push(name));
  stream.on('data', (bytes: Buffer) => received.push(bytes));
  stream.on('end', () => atEnd(stream));
  const closed = new Promise((resolve) => stream.once('close', resolve));
  const result = await stream.result;
  await closed;
  expect(Buffer.concat(received).length).toBe(SIZE);
  expectRamp(Buffer.concat(received));
  return {
    result,
    told,
    ends: all.map(({ name }) => name).filter((name) => name === 'completed' || name === 'failed'),
  };
}

/** Leaves some megabytes of the object in the spool. */
async function leaveSome(): Promise<void> {
  const stream = createDownloadStream(server.url, { ...options, spool });
  let seen = 0;
  for await (const bytes of stream) {
    seen += bytes.length;
    if (seen > 2 * MIB) break;
  }
  while (!stream.closed) await pause(2);
  expect((await readdir(directory)).sort()).toEqual(['data.part', 'data.part.checkpoint']);
}

describe('what was delivered and verified has succeeded, whatever happens to the spool from now on', () => {
  const inSpool = (name: string) => join(directory, `data${name}`);
  it.each<[string, () => void]>([
    ['its part file was removed', () => rmSync(inSpool('.part'))],
    ['its checkpoint was removed', () => rmSync(inSpool('.part.checkpoint'))],
    ['its lock was removed', () => rmSync(inSpool('.part.lock'), { recursive: true })],
    ['its directory was removed', () => rmSync(directory, { recursive: true })],
    ['its directory was made read-only', () => chmodSync(directory, 0o555)],
    [
      'its part file was replaced by a directory',
      () => {
        rmSync(inSpool('.part'));
        mkdirSync(inSpool('.part'));
      },
    ],
    [
      'its part file is that of somebody else',
      () => {
        rmSync(inSpool('.part'));
        writeFileSync(inSpool('.part'), 'mine');
      },
    ],
    [
      'its lock is that of somebody else',
      () => {
        rmSync(inSpool('.part.lock'), { recursive: true });
        mkdirSync(inSpool('.part.lock'));
        writeFileSync(join(inSpool('.part.lock'), 'somebody'), '');
      },
    ],
  ])('%s in the handler of its end', async (_what, harm) => {
    const { result, told, ends } = await readToEnd(harm);
    expect(result).toMatchObject({ range: { start: 0, end: SIZE } });
    expect(told).toEqual(['end', 'close']);
    expect(ends).toEqual(['completed']);
  });

  it('what somebody else put there meanwhile is not removed', async () => {
    await readToEnd(() => {
      rmSync(inSpool('.part'));
      writeFileSync(inSpool('.part'), 'mine');
    });
    expect(await readFile(inSpool('.part'), 'utf8')).toBe('mine');
  });

  it.each([new Error('late'), undefined, 0, '', null])('its signal was aborted with %s then', async (reason) => {
    const controller = new AbortController();
    const { told, ends } = await readToEnd(() => controller.abort(reason), { signal: controller.signal });
    expect(told).toEqual(['end', 'close']);
    expect(ends).toEqual(['completed']);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('it was destroyed then', async () => {
    const { told, ends } = await readToEnd((stream) => stream.destroy());
    expect(told).toEqual(['end', 'close']);
    expect(ends).toEqual(['completed']);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('without a spool its signal was aborted then', async () => {
    const controller = new AbortController();
    const more = { signal: controller.signal, spool: undefined };
    const { told, ends } = await readToEnd(() => controller.abort(new Error('late')), more);
    expect(told).toEqual(['end', 'close']);
    expect(ends).toEqual(['completed']);
  });
});

describe('a stream that succeeds leaves no spool', () => {
  it('although all listeners were removed from it', async () => {
    const stream = createDownloadStream(server.url, { ...options, spool });
    stream.removeAllListeners();
    let seen = 0;
    stream.on('data', (bytes: Buffer) => {
      seen += bytes.length;
    });
    await stream.result;
    expect(seen).toBe(SIZE);
    expect(await readdir(directory)).toEqual([]);
  });

  it('where an earlier one left some of an object of which only the end tells the size by now', async () => {
    await leaveSome();
    server.setFaults([ignoreRange(), chunked()]);
    await readToEnd(() => {});
    expect(await readdir(directory)).toEqual([]);
  });

  it('where downloadFile was killed with only the checkpoint left to remove: the file stays', async () => {
    const object = await discoverObject(server.url);
    const sink = await openCheckpointSink(spool, object, { identity: http(server.url).identity });
    await pipeline(fetchParts(server.url, object, planParts(sink.range, { partSize: MIB }), QUICK), sink);
    await sink.close();
    await rename(`${spool}.part`, spool);
    expect((await readdir(directory)).sort()).toEqual(['data', 'data.part.checkpoint']);
    const { result } = await readToEnd(() => {});
    // One byte was asked for, to discover the object.
    expect(result).toMatchObject({ resumedBytes: SIZE - 1, transferredBytes: 1 });
    expect(await readdir(directory)).toEqual(['data']);
    expectRamp(await readFile(spool));
    // Nothing of it is in the way of the next download.
    await writeFile(spool, 'mine');
    await downloadFile(server.url, spool, QUICK);
    expect(await readdir(directory)).toEqual(['data']);
    expectRamp(await readFile(spool));
  });
});
