import { createCipheriv, randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  type AnnouncedChecksum,
  ChecksumError,
  createDownloadEvents,
  createDownloadStream,
  type DownloadResult,
  downloadFile,
  http,
  type ObjectSource,
  obs,
  s3,
} from '../../src/index.js';
import { flipByte } from '../fixtures/answer-faults.js';
import { stall } from '../fixtures/connection-faults.js';
import { obsServer } from '../fixtures/obs-server.js';
import { bytesObject, type TestObject } from '../fixtures/ramp.js';
import { reflectedCrc } from '../fixtures/reflected-crc.js';
import type { ScriptedServer } from '../fixtures/scripted-server.js';
import { closeLater, download, failureOf, freshPath, PART, QUICK, serve, VERBS } from './download-bench.js';

/** Times 20 subjects: 200 in the whole suite. */
const FLIPS_PER_SUBJECT = process.env.PARTSTREAM_SUITE === 'whole' ? 10 : 2;
const firstSeed = Number(process.env.FLIP_SEED ?? randomInt(2 ** 31));

/** Bytes that no two seeds share. */
function noise(size: number, seed: number): TestObject {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed);
  return bytesObject(createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size)));
}

/** Numbers from 0 to 1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Announcing {
  readonly server: ScriptedServer;
  readonly source: ObjectSource;
  /** What the store announces, in its notation. */
  readonly announced: AnnouncedChecksum;
}

async function obsAnnouncing(object: TestObject, algorithm: 'crc64ecma' | 'md5'): Promise<Announcing> {
  const server = closeLater(await obsServer({ partSize: PART }));
  server.putObject('bucket', 'key', object, { crc64: algorithm === 'crc64ecma' });
  const { endpoint, credentials } = server;
  const value = algorithm === 'crc64ecma' ? object.crc64ecma() : object.md5();
  return {
    server,
    source: obs({ endpoint, bucket: 'bucket', key: 'key', credentials }),
    announced: { algorithm, value },
  };
}

const CRCS = {
  crc64nvme: [8, reflectedCrc(64, 0x9a6c9329ac4bc9b5n)],
  crc32c: [4, reflectedCrc(32, 0x82f63b78n)],
  crc32: [4, (bytes: Uint8Array) => BigInt(crc32(bytes))],
} as const;

async function s3Announcing(object: TestObject, algorithm: keyof typeof CRCS): Promise<Announcing> {
  const [length, crc] = CRCS[algorithm];
  const hex = crc(object.slice())
    .toString(16)
    .padStart(length * 2, '0');
  const value = Buffer.from(hex, 'hex').toString('base64');
  const headers = { [`x-amz-checksum-${algorithm}`]: value, 'x-amz-checksum-type': 'FULL_OBJECT' };
  const server = await serve(object, [], { headers });
  const endpoint = new URL(server.url).origin;
  const source = s3({ endpoint, bucket: 'bucket', key: 'object.bin', credentials: 'anonymous' });
  return { server, source, announced: { algorithm, value } };
}

const ANNOUNCERS = [
  ['crc64ecma', (object: TestObject) => obsAnnouncing(object, 'crc64ecma')],
  ['crc64nvme', (object: TestObject) => s3Announcing(object, 'crc64nvme')],
  ['crc32c', (object: TestObject) => s3Announcing(object, 'crc32c')],
  ['crc32', (object: TestObject) => s3Announcing(object, 'crc32')],
  ['md5', (object: TestObject) => obsAnnouncing(object, 'md5')],
] as const;

interface Attempt {
  readonly bytes: Buffer;
  readonly result: DownloadResult;
}

/** Ways to download; each call of the one that is returned goes on with the same files. */
const WAYS = {
  file: (source: ObjectSource) => {
    const path = freshPath();
    return async (): Promise<Attempt> => {
      const result = await downloadFile(source, path, { ...QUICK, hedge: false, durability: 'none' });
      return { bytes: await readFile(path), result };
    };
  },
  stream: (source: ObjectSource) => () => read(source, {}),
  'spooled stream': (source: ObjectSource) => {
    const spool = freshPath();
    return () => read(source, { spool });
  },
  'file of an expected checksum': (source: ObjectSource, object: TestObject) => {
    const path = freshPath();
    const expectedChecksum = { algorithm: 'sha256', value: object.sha256() } as const;
    const options = { ...QUICK, hedge: false, durability: 'none', verify: 'off', expectedChecksum } as const;
    return async (): Promise<Attempt> => {
      const result = await downloadFile(source, path, options);
      return { bytes: await readFile(path), result };
    };
  },
} as const;

async function read(source: ObjectSource, options: { spool?: string }): Promise<Attempt> {
  const stream = createDownloadStream(source, { ...QUICK, hedge: false, ...options });
  const bytes = Buffer.concat(await stream.toArray());
  return { bytes, result: await stream.result };
}

const bodyBytes = ({ requests }: ScriptedServer, from = 0): number =>
  requests.slice(from).reduce((sum, { bytesSent }) => sum + bytesSent, 0);

describe.each(ANNOUNCERS)('a byte that is flipped on the wire of an object with a %s', (_algorithm, announce) => {
  it.each(Object.keys(WAYS) as (keyof typeof WAYS)[])(
    'is found by a %s, wherever it is; a second run succeeds, and no byte is read for verification',
    async (way) => {
      for (let round = 0; round < FLIPS_PER_SUBJECT; round += 1) {
        const seed = firstSeed + round;
        const random = randomNumbers(seed);
        const object = noise(1 + Math.floor(random() * 4 * PART), seed);
        const offset = Math.floor(random() * object.size);
        const { server, source, announced } = await announce(object);
        const isCallers = way === 'file of an expected checksum';
        const checked = isCallers ? { algorithm: 'sha256', value: object.sha256() } : announced;
        const run = WAYS[way](source, object);
        server.setFaults([flipByte({ offset, bit: Math.floor(random() * 8) })]);

        const error = await failureOf(run());
        const what = `seed ${seed}, byte ${offset} of ${object.size}`;
        expect(error, what).toBeInstanceOf(ChecksumError);
        expect(error, what).toMatchObject({ algorithm: checked.algorithm, expected: checked.value });
        expect((error as ChecksumError).actual, what).not.toBe(checked.value);
        expect((error as ChecksumError).message, what).toContain(checked.algorithm);
        expect(server.strikes(), what).toEqual({ flipByte: 1 });
        expect(bodyBytes(server), what).toBe(object.size);

        const before = server.requests.length;
        const { bytes, result } = await run();
        expect(bytes.equals(object.slice()), what).toBe(true);
        expect(result.verification, what).toMatchObject({ scope: 'object', ...checked });
        expect(result.resumedBytes, what).toBe(0);
        expect(bodyBytes(server, before), what).toBe(object.size);
        await server.close();
      }
    },
  );
});

describe.each(ANNOUNCERS)('a download that is resumed, of an object with a %s', (_algorithm, announce) => {
  it('counts the blocks that were on disk: a byte that is flipped in the rest is found, and a third run succeeds', async () => {
    const object = noise(25 * PART, firstSeed);
    const { server, source, announced } = await announce(object);
    const path = freshPath();
    const options = { ...QUICK, concurrency: 2, hedge: false } as const;
    const abort = new AbortController();
    const events = createDownloadEvents();
    // The end of the object does not come before the first block is recorded.
    server.setFaults([stall({ offset: object.size - 5 })]);
    events.on('checkpointed', () => abort.abort(new Error('enough')));
    await expect(downloadFile(source, path, { ...options, events, signal: abort.signal })).rejects.toThrow('enough');

    server.setFaults([flipByte({ offset: object.size - 5 })]);
    const resumed = createDownloadEvents();
    let resumedBytes = 0;
    resumed.on('planned', (plan) => {
      resumedBytes = plan.resumedBytes;
    });
    await expect(downloadFile(source, path, { ...options, events: resumed })).rejects.toMatchObject({
      ...{ code: 'PS_ERR_CHECKSUM', algorithm: announced.algorithm, expected: announced.value },
    });
    expect(resumedBytes).toBeGreaterThan(0);
    expect(server.strikes()).toEqual({ flipByte: 1 });

    const { verification } = await downloadFile(source, path, options);
    expect(verification).toMatchObject({ scope: 'object', ...announced });
    expect((await readFile(path)).equals(object.slice())).toBe(true);
  });
});

describe.each(VERBS)('%s and composite checksums', (verb) => {
  const object = noise(3 * PART, 1);

  it.each([
    ['of the type COMPOSITE', '"0123456789abcdef0123456789abcdef-2"', { 'x-amz-checksum-type': 'COMPOSITE' }, ''],
    ['with the number of its parts', '"0123456789abcdef0123456789abcdef-2"', {}, '-2'],
    ['of a multipart object, of no type', '"0123456789abcdef0123456789abcdef-2"', {}, ''],
  ])('never mistakes a checksum %s for one of the object', async (_what, etag, type, suffix) => {
    const value = `${Buffer.alloc(4, 7).toString('base64')}${suffix}`;
    const server = await serve(object, [], { etag, headers: { 'x-amz-checksum-crc32': value, ...type } });
    const endpoint = new URL(server.url).origin;
    const sources = [s3({ endpoint, bucket: 'bucket', key: 'k', credentials: 'anonymous' }), http(server.url)];
    for (const source of sources) {
      const { bytes, result } = await download(verb, source);
      expect(bytes.equals(object.slice())).toBe(true);
      expect(result.verification).toEqual({ scope: 'none', reason: 'the store announces no checksum' });
      const required = await failureOf(download(verb, source, { verify: 'require' }));
      expect(required).toBeInstanceOf(ChecksumError);
    }
  });
});
