/** Where placed chunks are meant something else comes: a failure of the pipeline, never one of the process. */

import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createReassembler,
  InvalidOptionError,
  type ObjectInfo,
  openCheckpointSink,
  type PlacedChunk,
} from '../../src/index.js';
import { failureOf, freshPath, pause } from './download-bench.js';

const BYTES = Buffer.from('hello');
const RANGE = { start: 0, end: BYTES.length };
const OBJECT: ObjectInfo = { size: BYTES.length, etag: '"x"', metadata: {}, headers: {} };
const chunk = (offset: number, bytes: Buffer, release: () => void = () => {}): PlacedChunk => ({
  offset,
  bytes,
  release,
});
const noChunks: [string, unknown[]][] = [
  ['Buffers', [BYTES]],
  ['strings', ['hello']],
  ['numbers', [5]],
  ['objects without release', [{ offset: 0, bytes: BYTES }]],
  ['objects without an offset', [{ bytes: BYTES, release() {} }]],
  ['objects with a text as offset', [{ offset: '0', bytes: BYTES, release() {} }]],
  ['objects with half an offset', [{ offset: 0.5, bytes: BYTES, release() {} }]],
  ['objects with a text as bytes', [{ offset: 0, bytes: 'hello', release() {} }]],
  ['objects with wider numbers as bytes', [{ offset: 0, bytes: new Uint16Array(5), release() {} }]],
  ['objects without a release behind right chunks', [chunk(0, BYTES.subarray(0, 2)), { offset: 2, bytes: BYTES }]],
];

const strays: unknown[] = [];
const onStray = (error: unknown) => void strays.push(error);
beforeEach(() => {
  process.on('uncaughtException', onStray).on('unhandledRejection', onStray);
});
afterEach(async () => {
  await pause(5);
  process.off('uncaughtException', onStray).off('unhandledRejection', onStray);
  expect(strays.splice(0)).toEqual([]);
});

function swallow(): Writable {
  return new Writable({ write: (_bytes, _encoding, done) => done() });
}

function expectRefusal(error: unknown): void {
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ option: 'chunk', message: expect.stringContaining('PlacedChunk') });
}

describe('a reassembler', () => {
  it.each(noChunks)('refuses %s', async (_what, given) => {
    expectRefusal(await failureOf(pipeline(Readable.from(given), createReassembler(RANGE), swallow())));
  });

  it('takes bytes that are no Buffer', async () => {
    const given = [{ offset: 0, bytes: new Uint8Array(BYTES), release() {} }];
    expect(Buffer.concat(await Readable.from(given).pipe(createReassembler(RANGE)).toArray())).toEqual(BYTES);
  });

  it.each<[string, [start: number, end: number][]]>([
    ['whose bytes leave', [[0, 5]]],
    ['without bytes', [[0, 0]]],
    [
      'without bytes behind another',
      [
        [0, 2],
        [2, 2],
      ],
    ],
  ])('is destroyed by a chunk %s that cannot be released', async (_which, places) => {
    const failure = new Error('cannot be released');
    const given = places.map(([start, end], index) =>
      chunk(start, BYTES.subarray(start, end), () => {
        if (index === places.length - 1) throw failure;
      }),
    );
    const reassembler = createReassembler(RANGE);
    expect(await failureOf(pipeline(Readable.from(given), reassembler, swallow()))).toBe(failure);
    expect(reassembler.destroyed).toBe(true);
  });

  it('is destroyed by one that cannot be released when somebody begins to read', async () => {
    const failure = new Error('cannot be released');
    const reassembler = createReassembler(RANGE);
    reassembler.write(
      chunk(0, BYTES, () => {
        throw failure;
      }),
    );
    await pause(1);
    expect(reassembler.destroyed).toBe(false);
    reassembler.resume();
    expect((await once(reassembler, 'error'))[0]).toBe(failure);
  });

  it('releases all that wait when it is destroyed, although one of them cannot be', async () => {
    for (const reason of [undefined, new Error('enough')]) {
      const failure = new Error('cannot be released');
      const released: number[] = [];
      const reassembler = createReassembler({ start: 0, end: 100 });
      for (const offset of [10, 20, 30]) {
        reassembler.write(
          chunk(offset, BYTES, () => {
            released.push(offset);
            if (offset < 30) throw failure;
          }),
        );
      }
      reassembler.destroy(reason);
      const [error] = await once(reassembler, 'error');
      expect(error).toBe(reason ?? failure);
      expect(released).toEqual([10, 20, 30]);
    }
  });
});

describe('a checkpoint sink', () => {
  it.each(noChunks)('refuses %s, and lets go of its files', async (_what, given) => {
    const path = freshPath();
    const sink = await openCheckpointSink(path, OBJECT, { durability: 'none' });
    expectRefusal(await failureOf(pipeline(Readable.from(given), sink)));
    expectRefusal(await failureOf(sink.publish()));
    await sink.close();
    const left = (await readdir(dirname(path))).filter((name) => name.endsWith('.lock'));
    expect(left).toEqual([]);
    await (await openCheckpointSink(path, OBJECT)).close();
  });

  it('ends with the failure of a chunk that cannot be released', async () => {
    const failure = new Error('cannot be released');
    const sink = await openCheckpointSink(freshPath(), OBJECT, { durability: 'none' });
    const given = [
      chunk(0, BYTES, () => {
        throw failure;
      }),
    ];
    expect(await failureOf(pipeline(Readable.from(given), sink))).toBe(failure);
    expect(await failureOf(sink.publish())).toBe(failure);
    await sink.close();
  });
});
