/**
 * What the tests of the pipeline share: servers that are closed after each test, a download by either verb with what it
 * brought and announced, and the requests that a server saw.
 */

import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import type { DownloadEventMap, DownloadEventName } from '../../src/events.js';
import {
  createDownloadEvents,
  createDownloadStream,
  type DownloadFileOptions,
  type DownloadOptions,
  type DownloadResult,
  downloadFile,
  type ObjectSource,
} from '../../src/index.js';
import type { Fault } from '../fixtures/fault.js';
import type { TestObject } from '../fixtures/ramp.js';
import { type RangeServer, type RangeServerOptions, rangeServer } from '../fixtures/range-server.js';

/** The smallest part, so that small objects have many. */
export const PART = 102_400;

export type Verb = 'createDownloadStream' | 'downloadFile';
export const VERBS: readonly Verb[] = ['createDownloadStream', 'downloadFile'];

/** Small parts and short waits. */
export const QUICK: DownloadOptions = {
  partSize: PART,
  concurrency: 4,
  retry: { attempts: 6, baseDelayMs: 1, maxDelayMs: 5 },
};

const closers: (() => Promise<unknown>)[] = [];
const directory = mkdtempSync(join(tmpdir(), 'partstream-pipeline-'));
let files = 0;

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});
afterAll(() => rm(directory, { recursive: true }));

/** Closes it after the test. */
export function closeLater<T extends { close(): Promise<unknown> }>(server: T): T {
  closers.push(() => server.close());
  return server;
}

/** A server whose faults count in parts of {@link PART}. */
export async function serve(
  object: TestObject,
  faults: readonly Fault[] = [],
  options: RangeServerOptions = {},
): Promise<RangeServer> {
  return closeLater(await rangeServer(object, faults, { partSize: PART, ...options }));
}

/** A path that is not taken; its directory goes with the tests. */
export function freshPath(): string {
  files += 1;
  return join(directory, `file-${files}`);
}

export interface Announced<N extends DownloadEventName = DownloadEventName> {
  readonly name: N;
  readonly payload: DownloadEventMap[N];
}

export interface Downloaded {
  readonly bytes: Buffer;
  readonly result: DownloadResult;
  readonly events: Announced[];
  /** The payloads of one event. */
  of<N extends DownloadEventName>(name: N): DownloadEventMap[N][];
}

/** Downloads with QUICK options. A file is not synced to the disk unless the options say so. */
export async function download(
  verb: Verb,
  source: string | ObjectSource,
  options: DownloadFileOptions = {},
): Promise<Downloaded> {
  const { events, all } = recorder();
  const { durability = 'none', checkpoint, overwrite, lockWaitMs, ...common } = { ...QUICK, events, ...options };
  const done = (bytes: Buffer, result: DownloadResult): Downloaded => ({
    bytes,
    result,
    events: all,
    of: (name) => all.filter((event) => event.name === name).map(({ payload }) => payload) as never,
  });
  if (verb === 'createDownloadStream') {
    const stream = createDownloadStream(source, common);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return done(Buffer.concat(chunks), await stream.result);
  }
  const file = { durability, checkpoint, overwrite, lockWaitMs };
  const result = await downloadFile(source, freshPath(), { ...common, ...file });
  return done(await readFile(result.path ?? ''), result);
}

/** Events that are written down as they come. */
export function recorder() {
  const events = createDownloadEvents();
  const all: Announced[] = [];
  events.on('*', (name, payload) => all.push({ name, payload } as Announced));
  return { events, all };
}

/** What it was rejected with. */
export async function failureOf(running: Promise<unknown>): Promise<unknown> {
  const outcome = await running.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  if (outcome instanceof Error && outcome.message === 'it succeeded') throw outcome;
  return outcome;
}

/** The ranges of the GETs that a server saw, `start-end` with the end excluded, in ascending order. */
export function rangesOf(server: RangeServer): string[] {
  const gets = server.requests.filter(({ method }) => method === 'GET');
  const ranges = gets.map(({ range }) => range ?? { start: -1, end: -1 });
  return ranges.sort((a, b) => a.start - b.start || a.end - b.end).map(({ start, end }) => `${start}-${end}`);
}

/** The ranges of a plan without faults. */
export function partRanges(size: number, partSize: number = PART): string[] {
  const count = Math.ceil(size / partSize);
  return Array.from({ length: count }, (_, index) => {
    const start = index * partSize;
    return `${start}-${Math.min(start + partSize, size)}`;
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
