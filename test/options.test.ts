import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DownloadFileOptions } from '../src/download-options.js';
import {
  createDownloadEvents,
  createDownloadStream,
  discoverObject,
  downloadFile,
  fetchParts,
  InvalidOptionError,
  type ObjectSource,
} from '../src/index.js';
import { checkOptions, type OptionsKind } from '../src/options.js';
import { ramp } from './fixtures/ramp.js';
import { type RangeServer, rangeServer } from './fixtures/range-server.js';

const MIB = 1024 * 1024;

/** Every option with values that it refuses; a dotted path is where the error points to. */
const BAD: [option: string, values: unknown[]][] = [
  ['partSize', [0, -1, 1.5, 102_399, 5_368_709_121, Number.NaN, Number.POSITIVE_INFINITY, '5242880', null, 5n]],
  ['concurrency', [0, -1, 1.5, 1001, 1e9, Number.NaN, '20', null, true]],
  ['range', [5, 'bytes=0-1', null, [0, 1]]],
  ['range.start', [-1, 0.5, '0', Number.NaN, 2 ** 53, null, undefined]],
  ['range.end', [0, -1, 1.5, '9', 2 ** 53, Number.POSITIVE_INFINITY]],
  ['range.last', [5]],
  ['conditions', [5, 'etag', null, []]],
  ['conditions.ifMatch', ['', 5, null, 'a\r\nx: y', '对']],
  ['conditions.ifNoneMatch', ['', 5, 'a\nb', 'a\0']],
  ['conditions.ifModifiedSince', ['2026-01-01', 0, new Date(Number.NaN), null]],
  ['conditions.ifUnmodifiedSince', ['2026-01-01', 0, new Date(Number.NaN)]],
  ['conditions.ifRange', ['"x"']],
  ['onObjectChanged', ['ignore', '', true, null]],
  ['bufferBytes', [0, -1, 65_535, 1.5, Number.NaN, '1', Number.POSITIVE_INFINITY]],
  ['retry', [6, null, false, []]],
  ['retry.attempts', [0, -1, 1001, 1.5, '6', Number.POSITIVE_INFINITY, null]],
  ['retry.baseDelayMs', [-1, 2 ** 31, Number.NaN, '1', null]],
  ['retry.maxDelayMs', [-1, 2 ** 31, Number.NaN, '1', null]],
  ['retry.delay', [1]],
  ['timeouts', [1000, null, []]],
  ['timeouts.connectMs', [0, -1, 2 ** 31, '1', null]],
  ['timeouts.headersMs', [0, -1, 2 ** 31, '1']],
  ['timeouts.stallMs', [0, -1, 2 ** 31, Number.POSITIVE_INFINITY]],
  ['timeouts.bodyMs', [1]],
  ['minBytesPerSecond', [-1, 0.5, Number.NaN, '1', null]],
  ['hedge', [0, 1, 'yes', null]],
  ['maxBytesPerSecond', [0, -1, 0.5, Number.NaN, '1', null]],
  ['verify', [true, 'on', '', null]],
  ['expectedChecksum', ['abc', 5, null, []]],
  ['expectedChecksum.algorithm', ['md4', '', undefined, 5]],
  ['expectedChecksum.value', ['', 'zz', 5, undefined, 'a'.repeat(31)]],
  ['expectedChecksum.origin', ['x']],
  ['allowUnvalidated', [0, 'no', null]],
  ['signal', [{}, { aborted: true }, null, new AbortController()]],
  ['events', [{}, { on() {} }, null]],
  ['dispatcher', [{}, null, 5, 'proxy']],
  ['onListenerError', [{}, 'log', null]],
  ['checkpoint', [0, '', null, {}, 'a\0b']],
  ['durability', [true, 'full', '', null]],
  ['overwrite', [0, 'no', null]],
  ['lockWaitMs', [-1, 0.5, 2 ** 31, '1', Number.POSITIVE_INFINITY, null]],
  ['spool', ['', 5, true, null, 'a\0b']],
];

/** Sibling options that make the one under test the only wrong one. */
const COMPANIONS: Record<string, Record<string, unknown>> = {
  range: { start: 0 },
  expectedChecksum: { algorithm: 'md5', value: 'a'.repeat(32) },
};

function optionsWith(option: string, value: unknown): Record<string, unknown> {
  const [first = '', second] = option.split('.');
  return second === undefined ? { [first]: value } : { [first]: { ...COMPANIONS[first], [second]: value } };
}

/** The kinds of download that know the option. */
function kindsOf(option: string): OptionsKind[] {
  if (option === 'spool') return ['stream'];
  if (['checkpoint', 'durability', 'overwrite', 'lockWaitMs'].includes(option)) return ['file'];
  return ['block', 'stream', 'file'];
}

function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('checkOptions', () => {
  it.each(BAD)('refuses wrong values of %s with an InvalidOptionError that names it (T136)', (option, values) => {
    for (const kind of kindsOf(option)) {
      for (const value of values) {
        const error = failureOf(() => checkOptions(kind, optionsWith(option, value)));
        expect(error, `${kind} ${option} ${String(value)}`).toBeInstanceOf(InvalidOptionError);
        expect(error).toMatchObject({ option, code: 'PS_ERR_INVALID_OPTION' });
      }
    }
  });

  it('refuses wrong values of every option there is', () => {
    const known = new Set([...Object.keys(checkOptions('file', {})), 'spool']);
    expect(new Set(BAD.map(([option]) => option.split('.')[0]))).toEqual(known);
  });

  it('has the defaults of the documentation', () => {
    expect(checkOptions('file', undefined)).toEqual({
      partSize: undefined,
      concurrency: 20,
      range: { start: 0, end: undefined },
      conditions: {},
      onObjectChanged: 'fail',
      bufferBytes: 100 * MIB,
      retry: { attempts: 6, baseDelayMs: 200, maxDelayMs: 20_000 },
      timeouts: { connectMs: 10_000, headersMs: 15_000, stallMs: 20_000 },
      minBytesPerSecond: 1024,
      hedge: true,
      maxBytesPerSecond: undefined,
      verify: 'auto',
      expectedChecksum: undefined,
      allowUnvalidated: false,
      signal: undefined,
      events: undefined,
      dispatcher: undefined,
      onListenerError: undefined,
      spool: undefined,
      checkpoint: true,
      durability: 'checkpoint',
      overwrite: true,
      lockWaitMs: 0,
    });
  });

  it('makes bufferBytes concurrency x partSize, at most 128 MiB', () => {
    expect(checkOptions('block', { partSize: MIB, concurrency: 3 }).bufferBytes).toBe(3 * MIB);
    expect(checkOptions('block', { partSize: 64 * MIB, concurrency: 64 }).bufferBytes).toBe(128 * MIB);
    expect(checkOptions('block', { concurrency: 2, bufferBytes: 65_536 }).bufferBytes).toBe(65_536);
  });

  it('takes the ends of every range, and undefined for not given', () => {
    const least = {
      partSize: 102_400,
      concurrency: 1,
      bufferBytes: 65_536,
      minBytesPerSecond: 0,
      maxBytesPerSecond: 1,
    };
    expect(checkOptions('stream', least)).toMatchObject(least);
    const most = { partSize: 5_368_709_120, concurrency: 1000, range: { start: 2 ** 53 - 3, end: 2 ** 53 - 2 } };
    expect(checkOptions('stream', most)).toMatchObject(most);
    const none = Object.fromEntries(Object.keys(checkOptions('file', {})).map((key) => [key, undefined]));
    const { spool: _, ...file } = none;
    expect(checkOptions('file', file)).toEqual(checkOptions('file', undefined));
    // Also for the compiler, and with exactOptionalPropertyTypes.
    const inner: DownloadFileOptions = {
      range: { start: 0, end: undefined },
      conditions: { ifMatch: undefined, ifNoneMatch: undefined, ifModifiedSince: undefined },
      retry: { attempts: undefined, baseDelayMs: undefined, maxDelayMs: undefined },
      timeouts: { connectMs: undefined, headersMs: undefined, stallMs: undefined },
    };
    expect(checkOptions('file', inner)).toEqual(checkOptions('file', undefined));
  });

  it.each(['concurency', 'PartSize', 'timeout', 'url', '__proto__', 'constructor'])(
    'refuses the unknown option %s, so that a misspelt one never goes unnoticed',
    (key) => {
      const options = Object.defineProperty({}, key, { value: 1, enumerable: true });
      for (const kind of ['block', 'stream', 'file'] as const) {
        expect(failureOf(() => checkOptions(kind, options))).toMatchObject({ option: key });
      }
    },
  );

  it('refuses options of the other verb', () => {
    expect(failureOf(() => checkOptions('stream', { overwrite: true }))).toMatchObject({ option: 'overwrite' });
    expect(failureOf(() => checkOptions('file', { spool: 'x' }))).toMatchObject({ option: 'spool' });
    expect(failureOf(() => checkOptions('block', { checkpoint: false }))).toMatchObject({ option: 'checkpoint' });
    expect(failureOf(() => checkOptions('stream', { onObjectChanged: 'restart' }))).toMatchObject({
      option: 'onObjectChanged',
    });
  });

  it.each([null, 5, 'fast', true, [], () => {}])('refuses %o in place of the options', (options) => {
    expect(failureOf(() => checkOptions('file', options))).toMatchObject({ option: 'options' });
  });

  it('copies what it was given, so that a change after the call has no effect (T141)', () => {
    const date = new Date('2026-01-02T03:04:05Z');
    const given = {
      range: { start: 1, end: 9 },
      conditions: { ifMatch: '"a"', ifModifiedSince: date },
      retry: { attempts: 2 },
      timeouts: { stallMs: 7 },
      expectedChecksum: { algorithm: 'crc32', value: '00000000' },
    };
    const checked = checkOptions('file', given);
    given.range.start = 5;
    given.conditions.ifMatch = '"b"';
    date.setTime(0);
    given.retry.attempts = 9;
    given.timeouts.stallMs = 9;
    given.expectedChecksum.value = 'ffffffff';
    expect(checked).toMatchObject({
      range: { start: 1, end: 9 },
      conditions: { ifMatch: '"a"', ifModifiedSince: new Date('2026-01-02T03:04:05Z') },
      retry: { attempts: 2 },
      timeouts: { stallMs: 7 },
      expectedChecksum: { value: '00000000' },
    });
  });

  it('shows no secret: what is wrong with a header value or checksum is named without it', () => {
    const error = failureOf(() => checkOptions('file', { conditions: { ifMatch: 'S3CR3T\r\n' } }));
    expect((error as Error).message).not.toContain('S3CR3T');
  });
});

describe('the verbs', () => {
  let server: RangeServer;
  let directory: string;
  beforeAll(async () => {
    server = await rangeServer(ramp(1000));
    directory = await mkdtemp(join(tmpdir(), 'partstream-options-'));
  });
  afterAll(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  const SOURCES: [string, unknown][] = [
    ['an ftp URL', 'ftp://h.example/x'],
    ['no URL', 'model.bin'],
    ['nothing', undefined],
    ['an object that is no source', { url: 'http://h.example/' }],
    ['a URL with user info', 'http://me:pass@h.example/x'],
    ['a URL with a line break', 'http://h.example/x\r\ny'],
  ];

  it.each(SOURCES)('refuse %s as a source at once (T136)', async (_what, source) => {
    const from = source as ObjectSource;
    expect(failureOf(() => createDownloadStream(from))).toBeInstanceOf(InvalidOptionError);
    expect(failureOf(() => fetchParts(from, { size: 1 } as never, []))).toBeInstanceOf(InvalidOptionError);
    await expect(downloadFile(from, join(directory, 'x'))).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(discoverObject(from)).rejects.toBeInstanceOf(InvalidOptionError);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['', 'destination'],
    [null, 'destination'],
    [5, 'destination'],
    ['a\0b', 'destination'],
    [{}, 'destination.directory'],
    [{ directory: '' }, 'destination.directory'],
    [{ directory: '/tmp', name: 'x' }, 'destination.name'],
  ])('refuse the destination %o before any request or file (T136)', async (destination, option) => {
    await expect(downloadFile(server.url, destination as string)).rejects.toMatchObject({ option });
    expect(server.requests).toEqual([]);
  });

  it('refuse a wrong option before any request or file, and no event is sent (T136)', async () => {
    const events = createDownloadEvents();
    const seen: string[] = [];
    events.on('*', (name) => seen.push(name));
    const options = { concurrency: 0, events };
    expect(failureOf(() => createDownloadStream(server.url, options))).toMatchObject({ option: 'concurrency' });
    await expect(downloadFile(server.url, join(directory, 'x'), options)).rejects.toMatchObject({
      option: 'concurrency',
    });
    await expect(discoverObject(server.url, options)).rejects.toMatchObject({ option: 'concurrency' });
    expect(server.requests).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
    expect(seen).toEqual([]);
  });

  it('ignore what happens to the options object after the call (T141)', async () => {
    const path = join(directory, 'mutated');
    const options: { -readonly [K in keyof DownloadFileOptions]: DownloadFileOptions[K] } = {
      range: { start: 100, end: 200 },
      durability: 'none',
    };
    const running = downloadFile(server.url, path, options);
    options.range = { start: 0, end: 5 };
    options.overwrite = false;
    expect((await running).range).toEqual({ start: 100, end: 200 });
    await rm(path);
  });
});
