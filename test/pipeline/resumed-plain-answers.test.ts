import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createDownloadEvents, createDownloadStream, downloadFile } from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { chunked, stall } from '../fixtures/connection-faults.js';
import type { Fault } from '../fixtures/fault.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import type { RangeServerOptions } from '../fixtures/range-server.js';
import { failureOf, freshPath, serve } from './download-bench.js';

const MIB = 1024 * 1024;
const SIZE = 8 * MIB;
/** The first call gets no byte behind this. */
const REACHED = 5 * MIB;
const ENOUGH = new Error('enough');

/** An object that never changes. What the server does in the first call stops it in the middle. */
interface Story {
  readonly server: RangeServerOptions;
  readonly first: readonly Fault[];
  readonly next: readonly Fault[];
}
const PLAIN_STALL = [stall({ request: 2, afterBytes: REACHED })];
const PART_STALL = [stall({ part: 5, times: 99 })];
const STORIES: [string, Story][] = [
  ['an object without an ETag', { server: { noEtag: true }, first: PLAIN_STALL, next: [] }],
  ['an object with a weak ETag', { server: { weakEtag: true }, first: PLAIN_STALL, next: [] }],
  ['a server that ignores Range by now', { server: {}, first: PART_STALL, next: [ignoreRange()] }],
  [
    'a server that ignores Range by now and tells no length',
    { server: {}, first: PART_STALL, next: [ignoreRange(), chunked()] },
  ],
];

type Kind = 'file' | 'spooled stream';

/** One call for the same file or spool. */
async function fetchTo(
  kind: Kind,
  url: string,
  path: string,
  { isToStop, bufferBytes }: { isToStop: boolean; bufferBytes: number | undefined },
): Promise<Buffer> {
  const abort = new AbortController();
  const events = createDownloadEvents();
  if (isToStop) events.on('checkpointed', () => abort.abort(ENOUGH));
  const options = { partSize: MIB, concurrency: 2, hedge: false, bufferBytes, events, signal: abort.signal };
  if (kind === 'file') {
    await downloadFile(url, path, options);
    return await readFile(path);
  }
  const chunks: Buffer[] = [];
  const stream = createDownloadStream(url, { ...options, spool: path });
  for await (const chunk of stream) chunks.push(chunk);
  await stream.result;
  return Buffer.concat(chunks);
}

describe.each(['file', 'spooled stream'] as const)('a %s that was stopped in the middle', (kind) => {
  describe.each([undefined, MIB])('with bufferBytes %s', (bufferBytes) => {
    it.each(STORIES)(
      'is whole after the next call: %s',
      async (_what, story) => {
        const server = await serve(ramp(SIZE), story.first, { partSize: MIB, ...story.server });
        const path = freshPath();
        const first = fetchTo(kind, server.url, path, { isToStop: true, bufferBytes });
        expect(await failureOf(first)).toBe(ENOUGH);
        server.setFaults(story.next);
        const bytes = await fetchTo(kind, server.url, path, { isToStop: false, bufferBytes });
        expect(bytes.length).toBe(SIZE);
        expectRamp(bytes);
      },
      5000,
    );
  });
});
