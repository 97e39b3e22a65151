/** A second stream or sink on the files of a first one that has just ended: in one process it need not be waited for. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CheckpointSink,
  createDownloadStream,
  type DownloadStream,
  discoverObject,
  fetchParts,
  LockedError,
  type ObjectInfo,
  openCheckpointSink,
  planParts,
} from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { expectBytesOf, ramp } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { failureOf, QUICK, serve } from './download-bench.js';

const MIB = 1024 * 1024;
const object = ramp(6 * MIB + 123);
let directory: string;
let server: RangeServer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handover-'));
  server = await serve(object);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function bytesOf(stream: DownloadStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const bytes of stream) chunks.push(bytes);
  return Buffer.concat(chunks);
}

function expectWhole(bytes: Buffer): void {
  expect(bytes.length).toBe(object.size);
  expectBytesOf(object, bytes);
}

/** Reads until some is on disk, then does `end`. */
function endMidway(stream: DownloadStream, end: () => void): void {
  let seen = 0;
  stream.on('error', () => {});
  stream.on('data', (bytes: Buffer) => {
    seen += bytes.length;
    if (seen > 2 * MIB) end();
  });
}

describe('a spool', () => {
  const WAYS: Record<string, (stream: DownloadStream, controller: AbortController) => Promise<unknown>> = {
    'was left in the middle of a loop': async (stream) => {
      let seen = 0;
      for await (const bytes of stream) {
        seen += bytes.length;
        if (seen > 2 * MIB) break;
      }
    },
    'was destroyed': (stream) => {
      endMidway(stream, () => stream.destroy(new Error('enough')));
      return failureOf(stream.result);
    },
    'was aborted': (stream, controller) => {
      endMidway(stream, () => controller.abort(new Error('enough')));
      return failureOf(stream.result);
    },
    'ended with its pipeline': (stream) => {
      let seen = 0;
      const failing = new Writable({
        write(bytes: Buffer, _encoding, done) {
          seen += bytes.length;
          done(seen > 2 * MIB ? new Error('disk full') : null);
        },
      });
      return failureOf(pipeline(stream, failing));
    },
    'was destroyed while it opened': async (stream) => {
      stream.object.catch(() => {});
      await expect.poll(() => server.requests.length, { interval: 1 }).toBeGreaterThan(0);
      stream.destroy();
    },
  };

  it.each(Object.keys(WAYS))('goes at once to the next stream when the one before %s', async (way) => {
    const options = { ...QUICK, partSize: MIB, spool: join(directory, 'spool') };
    const controller = new AbortController();
    const first = createDownloadStream(server.url, { ...options, signal: controller.signal });
    first.result.catch(() => {});
    await WAYS[way]?.(first, controller);
    const next = createDownloadStream(server.url, options);
    expectWhole(await bytesOf(next));
    await next.result;
    expect(await readdir(directory)).toEqual([]);
  });

  it('is refused at once while the stream before still runs, and goes to the next one when that has ended', async () => {
    const options = { ...QUICK, partSize: MIB, spool: join(directory, 'spool') };
    const first = createDownloadStream(server.url, options);
    await first.object;
    const refused = createDownloadStream(server.url, options);
    refused.on('error', () => {});
    expect(await failureOf(refused.object)).toBeInstanceOf(LockedError);
    // Had it waited, the first one would have gone on for ever: nobody reads it.
    expect(first.destroyed).toBe(false);
    first.on('error', () => {});
    first.destroy();
    expectWhole(await bytesOf(createDownloadStream(server.url, options)));
  });
});

describe('a checkpoint sink', () => {
  let path: string;
  let discovered: ObjectInfo;

  beforeEach(async () => {
    path = join(directory, 'file');
    discovered = await discoverObject(server.url);
  });

  const fetchInto = (sink: CheckpointSink): Promise<void> => {
    const parts = planParts(sink.range, { partSize: MIB, completed: sink.completed });
    return pipeline(fetchParts(server.url, discovered, parts, QUICK), sink);
  };

  async function expectFinished(sink: CheckpointSink): Promise<void> {
    await fetchInto(sink);
    await sink.publish();
    expectWhole(await readFile(path));
    expect(await readdir(directory)).toEqual(['file']);
  }

  it('can be opened again as soon as its pipeline has failed', async () => {
    const first = await openCheckpointSink(path, discovered);
    server.setFaults([status(404, { fromRequest: 5, times: 99 })]);
    expect(await failureOf(fetchInto(first))).toMatchObject({ code: 'PS_ERR_NOT_FOUND' });
    const opening = openCheckpointSink(path, discovered);
    server.setFaults([]);
    await expectFinished(await opening);
  });

  it('can be opened again as soon as it was destroyed, but not before', async () => {
    const first = await openCheckpointSink(path, discovered);
    expect(await failureOf(openCheckpointSink(path, discovered))).toBeInstanceOf(LockedError);
    first.destroy();
    await expectFinished(await openCheckpointSink(path, discovered));
  });
});
