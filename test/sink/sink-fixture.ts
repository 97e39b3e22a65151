/** A destination of its own per test, and the bytes of a made-up object in chunks of any size. */

import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach } from 'vitest';
import type { ByteRange } from '../../src/byte-range.js';
import type { ObjectInfo } from '../../src/object-info.js';
import type { PlacedChunk } from '../../src/part.js';
import type { CheckpointSink } from '../../src/sink/checkpoint-sink.js';
import type { SinkSetup } from '../../src/sink/checkpoint-sink-options.js';
import { openSink as openSinkForVerbs } from '../../src/sink/open-checkpoint-sink.js';

export const MiB: number = 1024 * 1024;

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A directory that is removed after the test. */
export async function temporaryDirectory(): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'partstream-sink-')));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Byte k is (seed + k) mod 251, so that any slice proves its own offset. */
export function rampBytes(size: number, seed: number = 0): Buffer {
  return Buffer.alloc(
    size,
    Uint8Array.from({ length: 251 }, (_, k) => (seed + k) % 251),
  );
}

export function objectOf(size: number, more: Partial<ObjectInfo> = {}): ObjectInfo {
  return { size, etag: '"one"', metadata: {}, headers: {}, ...more };
}

/** A chunk of `bytes`, and how often it was released. */
export function chunkOf(bytes: Buffer, range: ByteRange): PlacedChunk & { released: number } {
  return {
    offset: range.start,
    bytes: bytes.subarray(range.start, range.end),
    released: 0,
    release() {
      this.released += 1;
    },
  };
}

/** The bytes of the ranges as chunks of at most `chunkBytes`. */
export function chunksOf(
  bytes: Buffer,
  ranges: readonly ByteRange[] = [{ start: 0, end: bytes.length }],
  chunkBytes: number = 100_000,
): (PlacedChunk & { released: number })[] {
  const chunks: (PlacedChunk & { released: number })[] = [];
  for (const { start, end } of ranges) {
    for (let from = start; from < end; from += chunkBytes) {
      chunks.push(chunkOf(bytes, { start: from, end: Math.min(from + chunkBytes, end) }));
    }
  }
  return chunks;
}

/** The chunks as an object stream. */
export function streamOf(chunks: readonly PlacedChunk[]): Readable {
  return Readable.from(chunks, { objectMode: true });
}

/** Opens a sink that is closed after the test. */
export async function openSink(path: string, object: ObjectInfo, options?: SinkSetup): Promise<CheckpointSink> {
  const sink = await openSinkForVerbs(path, object, options);
  cleanups.push(() => sink.close());
  return sink;
}

/** Gives the sink chunks and waits until they are recorded. */
export async function feed(sink: CheckpointSink, chunks: readonly PlacedChunk[]): Promise<void> {
  for (const chunk of chunks) sink.write(chunk);
  await sink.flush();
}
