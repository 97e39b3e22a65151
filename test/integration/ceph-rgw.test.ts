import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  AccessDeniedError,
  ConditionNotMetError,
  createDownloadEvents,
  createDownloadStream,
  createPresignedUrl,
  type DownloadOptions,
  type DownloadResult,
  downloadFile,
  http,
  NotFoundError,
  ObjectChangedError,
  type ObjectSource,
  obs,
  type S3SourceOptions,
  s3,
} from '../../src/index.js';
import { ObsClient } from '../../src/obs-client.js';
import { type CephRgw, missingCeph, startCephRgw } from './ceph-rgw.js';
import { runDownload, startAndKill } from './download-process.js';

const MiB = 1024 * 1024;
const BUCKET = 'bucket';
const VERSIONED = 'versioned';
const SIZE = 5 * MiB + 4321;
/** So slow that a second passes before it has all of SIZE. */
const SLOW = { partSize: MiB / 2, concurrency: 4, maxBytesPerSecond: 2 * MiB } as const;

const missing = await missingCeph();
if (missing !== undefined) console.warn(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)('a Ceph RADOS gateway', () => {
  let rgw: CephRgw;
  let client: S3Client;
  let directory: string;
  let file: string;

  beforeAll(async () => {
    rgw = await startCephRgw();
    client = new S3Client({
      ...{ endpoint: rgw.endpoint, region: 'us-east-1', credentials: rgw.credentials, forcePathStyle: true },
      // This gateway knows no checksums in trailers.
      ...{ requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' },
    });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    await client.send(new CreateBucketCommand({ Bucket: VERSIONED }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: VERSIONED, VersioningConfiguration }));
  }, 200_000);
  afterAll(async () => {
    client?.destroy();
    await rgw?.stop();
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'partstream-ceph-test-'));
    file = join(directory, 'download');
    return () => rm(directory, { recursive: true, force: true });
  });
  afterEach(() => vi.useRealTimers());

  async function put(Key: string, bytes: Uint8Array, more: Partial<PutObjectCommandInput> = {}) {
    return await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: bytes, ...more }));
  }

  async function putRandom(key: string, more: Partial<PutObjectCommandInput> = {}, size = SIZE) {
    const bytes = randomBytes(size);
    return { bytes, ...(await put(key, bytes, more)) };
  }

  function source(key: string, more: Partial<S3SourceOptions> = {}): ObjectSource {
    return s3({ endpoint: rgw.endpoint, bucket: BUCKET, key, credentials: rgw.credentials, ...more });
  }

  function presigned(key: string, more: Partial<Parameters<typeof createPresignedUrl>[0]> = {}): string {
    const place = { endpoint: rgw.endpoint, bucket: BUCKET, key, credentials: rgw.credentials };
    return createPresignedUrl({ ...place, signature: 'v4', region: 'us-east-1', ...more });
  }

  /** Downloads by both verbs and compares every byte; returns the result of the file. */
  async function expectBytes(
    from: ObjectSource | string,
    bytes: Buffer,
    options: DownloadOptions = { partSize: MiB },
  ): Promise<DownloadResult> {
    const stream = createDownloadStream(from, options);
    expect(Buffer.concat(await stream.toArray()).equals(bytes)).toBe(true);
    const result = await downloadFile(from, file, options);
    expect((await readFile(file)).equals(bytes)).toBe(true);
    expect(await stream.result).toMatchObject({ verification: result.verification });
    expect(await readdir(directory)).toEqual(['download']);
    return result;
  }

  const failureOf = (from: ObjectSource | string, options: DownloadOptions = {}): Promise<unknown> =>
    downloadFile(from, file, options).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: unknown) => error,
    );

  it.each(['v4', 'v2'] as const)(
    'serves signature %s, and the ETag of a plain upload is checked',
    async (signature) => {
      const { bytes, ETag } = await putRandom(`plain-${signature}`, { Metadata: { colour: 'blue' } });
      const { object, verification } = await expectBytes(source(`plain-${signature}`, { signature }), bytes);
      expect(object).toMatchObject({ size: SIZE, etag: ETag, metadata: { colour: 'blue' } });
      const value = createHash('md5').update(bytes).digest('hex');
      expect(verification).toEqual({ scope: 'object', algorithm: 'md5', origin: 'store', value });
    },
  );

  it("serves obs() with signature 'v2', in paths", async () => {
    const { bytes } = await putRandom('by-obs');
    const place = { endpoint: rgw.endpoint, bucket: BUCKET, key: 'by-obs', credentials: rgw.credentials };
    const { verification } = await expectBytes(obs({ ...place, signature: 'v2', addressing: 'path' }), bytes);
    expect(verification).toMatchObject({ scope: 'object', algorithm: 'md5' });
  });

  it.each(['v4', 'v2'] as const)('serves the drop-in client, in paths (signature %s)', async (signature) => {
    const Key = `by client ${signature}`;
    const { bytes, ETag } = await putRandom(Key, { Metadata: { colour: 'red' } });
    const { accessKeyId: access_key_id, secretAccessKey: secret_access_key } = rgw.credentials;
    const place = { server: rgw.endpoint, path_style: true, region: 'us-east-1' };
    const byClient = new ObsClient({ ...place, access_key_id, secret_access_key, signature });
    const result = await byClient.downloadFile({ Bucket: BUCKET, Key, DownloadFile: file, PartSize: MiB });
    byClient.close();
    expect(result.CommonMsg).toMatchObject({ Status: 200 });
    expect(result.InterfaceResult).toMatchObject({ ETag, Metadata: { colour: 'red' } });
    expect((await readFile(file)).equals(bytes)).toBe(true);
  });

  it.each(['v4', 'v2'] as const)('serves presigned URLs of signature %s', async (signature) => {
    const { bytes } = await putRandom(`presigned ${signature}`);
    const { verification } = await expectBytes(presigned(`presigned ${signature}`, { signature }), bytes);
    expect(verification.scope).toBe('none');
  });

  it('a provider of presigned URLs is asked once more when a URL has expired in the middle', async () => {
    const { bytes } = await putRandom('expiring');
    const reasons: string[] = [];
    const provider = http(({ reason }) => {
      reasons.push(reason);
      return presigned('expiring', { expiresInSeconds: reason === 'first' ? 1 : 300 });
    });
    const result = await downloadFile(provider, file, SLOW);
    expect((await readFile(file)).equals(bytes)).toBe(true);
    expect(reasons).toEqual(['first', 'expired']);
    expect(result).toMatchObject({ transferredBytes: SIZE, resumedBytes: 0 });
  });

  it('a checkpoint is gone on with under another presigned URL', async () => {
    const { bytes } = await putRandom('other-url');
    const abort = new AbortController();
    const events = createDownloadEvents();
    events.on('checkpointed', () => abort.abort(new Error('enough')));
    const first = presigned('other-url', { expiresInSeconds: 100 });
    await expect(downloadFile(first, file, { ...SLOW, signal: abort.signal, events })).rejects.toThrow('enough');
    const second = presigned('other-url', { expiresInSeconds: 200 });
    expect(second).not.toBe(first);
    const result = await downloadFile(second, file, { partSize: MiB });
    expect(result.resumedBytes).toBeGreaterThan(0);
    expect((await readFile(file)).equals(bytes)).toBe(true);
  });

  it("a clock that is two hours wrong is corrected once, by the gateway's", async () => {
    const { bytes } = await putRandom('clock');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 7_200_000 });
    const result = await downloadFile(source('clock'), file, { partSize: MiB, concurrency: 1 });
    expect((await readFile(file)).equals(bytes)).toBe(true);
    expect(result).toMatchObject({ retries: 1, requests: 7 });
  });

  it('the ETag of a multipart upload is never compared as an MD5', async () => {
    const [Key, place] = ['multipart', { Bucket: BUCKET, Key: 'multipart' }];
    const pieces = [randomBytes(5 * MiB), randomBytes(5 * MiB + 1), randomBytes(777)];
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(place));
    const Parts = await Promise.all(
      pieces.map(async (Body, index) => {
        const PartNumber = index + 1;
        const { ETag } = await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber, Body }));
        return { ETag, PartNumber };
      }),
    );
    await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }));
    const { object, verification } = await expectBytes(source(Key), Buffer.concat(pieces));
    expect(object.etag).toMatch(/^"[0-9a-f]{32}-3"$/);
    expect(verification).toEqual({ scope: 'none', reason: 'the store announces no checksum' });
  });

  it('an empty object is one, and is checked', async () => {
    await put('empty', Buffer.alloc(0), { Metadata: { kind: 'nothing' } });
    const { object, verification } = await expectBytes(source('empty'), Buffer.alloc(0));
    expect(object).toMatchObject({ size: 0, metadata: { kind: 'nothing' } });
    expect(verification).toMatchObject({ scope: 'object', algorithm: 'md5' });
  });

  it.each([
    ...[
      'with space',
      'a+b plus',
      'ünïcödé/日本/🚀',
      `it's "quoted" (all) *of* it!`,
      'a&b=c?d#e',
      '100%/%41%2F',
      '~-_.',
    ],
    ...['dots/../in/./it', '..', 'a//double', '/leading', 'trailing/', 'colon:semi;comma,$@', 'back\\slash|pipe'],
  ])('the key %j names one object, in every signature', async (key) => {
    const bytes = Buffer.from(`the object ${key}`);
    await put(key, bytes);
    for (const from of [
      source(key),
      source(key, { signature: 'v2' }),
      presigned(key),
      presigned(key, { signature: 'v2' }),
    ]) {
      await expectBytes(from, bytes);
    }
  });

  it('a range is what was asked for, and no more', async () => {
    const { bytes } = await putRandom('range');
    for (const [start, end] of [
      [0, 1],
      [MiB - 1, 3 * MiB + 1],
      [SIZE - 5, SIZE],
    ] as const) {
      const result = await expectBytes(source('range'), bytes.subarray(start, end), { range: { start, end } });
      expect(result).toMatchObject({ range: { start, end }, transferredBytes: end - start });
    }
    await expectBytes(source('range'), bytes.subarray(MiB), { range: { start: MiB } });
  });

  it('conditions hold or are named', async () => {
    const { bytes, ETag = '' } = await putRandom('conditions', {}, 3000);
    const [before, after] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 60_000)];
    const conditions = { ifMatch: ETag, ifNoneMatch: '"other"', ifModifiedSince: before, ifUnmodifiedSince: after };
    await expectBytes(source('conditions'), bytes, { conditions });
    for (const [condition, value, statusCode] of [
      ['ifMatch', '"other"', 412],
      ['ifNoneMatch', ETag, 304],
      ['ifModifiedSince', new Date(Date.now() - 1), 304],
      ['ifUnmodifiedSince', before, 412],
    ] as const) {
      const error = await failureOf(source('conditions'), { conditions: { [condition]: value } });
      expect(error).toBeInstanceOf(ConditionNotMetError);
      expect(error).toMatchObject({ condition, statusCode });
    }
  });

  it.each(['v4', 'v2'] as const)('a wrong secret is an AccessDeniedError (signature %s)', async (signature) => {
    await put('secret', Buffer.from('x'));
    const credentials = { ...rgw.credentials, secretAccessKey: 'wrong' };
    const error = await failureOf(source('secret', { signature, credentials }));
    expect(error).toBeInstanceOf(AccessDeniedError);
    expect(error).toMatchObject({ statusCode: 403, storeCode: 'SignatureDoesNotMatch' });
  });

  it('an unknown key, an unknown bucket and an unknown access key are named', async () => {
    expect(await failureOf(source('nothing'))).toMatchObject({ code: 'PS_ERR_NOT_FOUND', storeCode: 'NoSuchKey' });
    const noBucket = await failureOf(source('nothing', { bucket: 'no-such-bucket' }));
    expect(noBucket).toMatchObject({ code: 'PS_ERR_NOT_FOUND', storeCode: 'NoSuchBucket' });
    const credentials = { accessKeyId: 'NOBODY', secretAccessKey: 'x' };
    const nobody = await failureOf(source('nothing', { credentials }));
    expect(nobody).toMatchObject({ code: 'PS_ERR_ACCESS_DENIED', storeCode: 'InvalidAccessKeyId' });
    const anonymous = await failureOf(source('nothing', { credentials: 'anonymous' }));
    expect(anonymous).toMatchObject({ code: 'PS_ERR_ACCESS_DENIED', storeCode: 'AccessDenied' });
  });

  it("an object under the customer's key needs that key, and its ETag is no checksum", async () => {
    const key = randomBytes(32);
    const { bytes } = await putRandom('sse-c', { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key as never });
    for (const signature of ['v4', 'v2'] as const) {
      const { verification } = await expectBytes(source('sse-c', { signature, sseC: { key } }), bytes);
      expect(verification.scope).toBe('none');
    }
    const range = { start: 12_345, end: 4 * MiB + 1 };
    await expectBytes(source('sse-c', { sseC: { key } }), bytes.subarray(range.start, range.end), { range });
    await expect(downloadFile(source('sse-c'), file)).rejects.toMatchObject({ statusCode: 400 });
    const other = source('sse-c', { sseC: { key: randomBytes(32) } });
    await expect(downloadFile(other, file)).rejects.toMatchObject({ statusCode: expect.toBeOneOf([400, 403]) });
  });

  it('a version stays itself while its key is overwritten and deleted', async () => {
    const [Bucket, key] = [VERSIONED, 'object'];
    const old = await putRandom(key, { Bucket });
    const events = createDownloadEvents();
    let overwritten: Promise<{ bytes: Buffer }> | undefined;
    events.on('progress', ({ transferredBytes }) => {
      if (transferredBytes > MiB) overwritten ??= putRandom(key, { Bucket });
    });
    const pinned = source(key, { bucket: Bucket, versionId: old.VersionId ?? '' });
    const { object } = await downloadFile(pinned, file, { ...SLOW, events });
    expect((await readFile(file)).equals(old.bytes)).toBe(true);
    expect(object.versionId).toBe(old.VersionId);

    const newest = await overwritten;
    await expectBytes(source(key, { bucket: Bucket }), newest?.bytes ?? Buffer.alloc(0));
    await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
    expect(await failureOf(source(key, { bucket: Bucket }))).toBeInstanceOf(NotFoundError);
    await expectBytes(pinned, old.bytes);
  });

  describe.each([BUCKET, VERSIONED])('an object of the bucket %s that is overwritten during the download', (bucket) => {
    /** The object, and what overwrites it once some bytes have come. */
    async function prepare(key: string) {
      const old = await putRandom(key, { Bucket: bucket });
      const events = createDownloadEvents();
      const changed: unknown[] = [];
      events.on('objectChanged', (change) => changed.push(change));
      let overwritten: ReturnType<typeof putRandom> | undefined;
      events.on('progress', ({ transferredBytes }) => {
        if (transferredBytes > MiB) overwritten ??= putRandom(key, { Bucket: bucket });
      });
      return { old, events, changed, from: source(key, { bucket }), overwritten: () => overwritten };
    }

    it('is an ObjectChangedError, no file, and the new object by the next call', async () => {
      const { old, events, from, overwritten } = await prepare('changes-1');
      await expect(downloadFile(from, file, { ...SLOW, events })).rejects.toThrow(ObjectChangedError);
      expect(await readdir(directory)).not.toContain('download');
      const next = await overwritten();
      expect(next?.ETag).not.toBe(old.ETag);
      expect((await downloadFile(from, file)).verification.scope).toBe('object');
      expect((await readFile(file)).equals(next?.bytes ?? Buffer.alloc(0))).toBe(true);
    });

    it("is downloaded anew with onObjectChanged: 'restart'", async () => {
      const { old, events, changed, from, overwritten } = await prepare('changes-2');
      await downloadFile(from, file, { ...SLOW, events, onObjectChanged: 'restart' });
      expect((await readFile(file)).equals((await overwritten())?.bytes ?? Buffer.alloc(0))).toBe(true);
      const { ETag } = (await overwritten()) ?? {};
      expect(changed.at(-1)).toEqual({ expected: old.ETag, actual: ETag });
    });

    it('ends a stream after bytes of the old object only', async () => {
      const { old, events, from } = await prepare('changes-3');
      const received: Buffer[] = [];
      const stream = createDownloadStream(from, { ...SLOW, events });
      stream.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => {});
      await expect(stream.result).rejects.toThrow(ObjectChangedError);
      const bytes = Buffer.concat(received);
      expect(bytes.length).toBeGreaterThan(0);
      expect(old.bytes.subarray(0, bytes.length).equals(bytes)).toBe(true);
    });
  });

  it.each(['v4', 'v2'] as const)('a download that is killed with SIGKILL goes on (signature %s)', async (signature) => {
    const key = `killed-${signature}`;
    const { bytes } = await putRandom(key, {}, 24 * MiB + 99);
    const place = { endpoint: rgw.endpoint, bucket: BUCKET, key, credentials: rgw.credentials, signature };
    const job = { s3: place, file, options: { partSize: MiB, maxBytesPerSecond: 10 * MiB } };
    await startAndKill(job, 1200);
    const result = await runDownload({ ...job, options: { partSize: MiB } });
    expect(result.resumedBytes).toBeGreaterThan(0);
    expect(result.transferredBytes).toBe(bytes.length - result.resumedBytes);
    expect(result.verification).toMatchObject({ scope: 'object', algorithm: 'md5' });
    expect((await readFile(file)).equals(bytes)).toBe(true);
    expect(await readdir(directory)).toEqual(['download']);
  });
});
