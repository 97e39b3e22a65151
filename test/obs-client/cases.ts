/** The calls that the SDK and the drop-in are both made to answer. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  changeObjectAfter,
  header,
  ignoreRange,
  removeObjectAfter,
  shortRange,
  status,
} from '../fixtures/answer-faults.js';
import { cut, reset } from '../fixtures/connection-faults.js';
import type { ObsServer, ObsServerOptions } from '../fixtures/obs-server.js';
import { bytesObject, ramp } from '../fixtures/ramp.js';
import { callOnce, type Outcome, type Stage } from './both-clients.js';
import type { DifferenceName } from './differences.js';

export interface Case {
  readonly title: string;
  readonly run: (stage: Stage) => Promise<Outcome>;
  readonly server?: ObsServerOptions;
  readonly client?: (server: ObsServer) => Record<string, unknown>;
  /** Not there: both outcomes are equal. */
  readonly differs?: { readonly name: DifferenceName; readonly sdk: Partial<Outcome>; readonly ours: Partial<Outcome> };
}

const object = ramp(1_060_921, 3);
const lastModified = new Date('2026-01-02T03:04:05Z');
const EARLIER = 'Thu, 01 Jan 2026 00:00:00 GMT';
const LATER = 'Sat, 03 Jan 2026 00:00:00 GMT';
const HEADERS = { 'Cache-Control': 'no-cache', Expires: LATER, 'Content-Language': 'zh', 'x-reserved': 'r' };
const SSE_KEY = '0123456789abcdef0123456789abcdef';
const PARTS = { PartSize: 204_800, TaskNum: 3 };

type Param = Record<string, unknown>;
type How = Parameters<typeof callOnce>[2];

/** Puts the usual object, and downloads it into the usual file. */
function download(param: Param | ((stage: Stage) => Param | Promise<Param>) = {}, how?: How): Case['run'] {
  return async (stage) => {
    stage.server.putObject('data', 'object', object, { lastModified, metadata: { Colour: 'blue' } });
    const given = typeof param === 'function' ? await param(stage) : param;
    return await callOnce(stage, { Bucket: 'data', Key: 'object', DownloadFile: stage.file, ...given }, how);
  };
}

/** Asks for metadata of the usual object. */
function look(param: Param = {}, how?: How): Case['run'] {
  return download({ ...param, ProgressCallback: undefined }, { ...how, method: 'getObjectMetadata' });
}

function rejected(error: string): Partial<Outcome> {
  return { settled: 'rejected', error };
}
const resolved: Partial<Outcome> = { settled: 'resolved', calls: 1 };

const parameters: Case[] = [
  { title: 'the three parameters that every call has', run: download() },
  { title: 'a promise instead of a callback', run: download({}, { style: 'promise' }) },
  { title: 'PartSize and TaskNum', run: download(PARTS) },
  { title: 'numeric strings', run: download({ PartSize: '204800', TaskNum: '3' }) },
  { title: 'fractions', run: download({ PartSize: 204_800.9, TaskNum: 1.9 }) },
  { title: 'one task', run: download({ PartSize: 204_800, TaskNum: 1 }) },
  { title: 'a PartSize larger than the object', run: download({ PartSize: 5_368_709_120 }) },
  { title: 'nulls and empty strings', run: download({ PartSize: null, CheckpointFile: '', VersionId: null }) },
  { title: 'a checkpoint', run: download({ ...PARTS, EnableCheckpoint: true }) },
  {
    title: 'a checkpoint file in a directory that is not there yet',
    run: download((stage) => ({
      ...PARTS,
      EnableCheckpoint: true,
      CheckpointFile: join(stage.directory, 'a/b/progress'),
    })),
  },
  { title: 'a checkpoint file that is not enabled', run: download({ CheckpointFile: 'progress' }) },
  {
    title: 'a directory that is not there yet',
    run: download(({ directory }) => ({ DownloadFile: `${directory}/x/y/z` })),
  },
  { title: 'a relative path', run: download({ DownloadFile: 'relative.bin' }) },
  { title: 'no DownloadFile', run: download({ DownloadFile: undefined }) },
  {
    title: 'no DownloadFile, and a key with directories',
    run: download(({ server }) => {
      server.putObject('data', 'a/b/c.txt', 'text', { lastModified });
      return { Key: 'a/b/c.txt', DownloadFile: undefined };
    }),
  },
  {
    title: 'no DownloadFile, and a key that leads out of the working directory',
    run: download(async ({ server, directory }) => {
      server.putObject('data', '../escaped', 'text', { lastModified });
      await mkdir(join(directory, 'inside'));
      process.chdir(join(directory, 'inside'));
      return { Key: '../escaped', DownloadFile: undefined };
    }),
    differs: {
      name: 'default-name',
      sdk: { ...resolved, files: { escaped: '4 bytes, 1cb251ec0d568de6a929b520c4aed8d1' } },
      ours: { ...rejected('InvalidArgument'), files: {} },
    },
  },
  { title: 'no Bucket', run: download({ Bucket: '' }) },
  { title: 'no Key', run: download({ Key: undefined }) },
  { title: 'no parameters', run: (stage) => callOnce(stage, undefined) },
  ...[1024, 6_000_000_000, 'lots'].map(
    (PartSize): Case => ({
      title: `PartSize ${PartSize}`,
      run: download({ PartSize }),
      differs: { name: 'part-size-range', sdk: resolved, ours: rejected('InvalidArgument') },
    }),
  ),
  ...[0, 'many', 20_000].map(
    (TaskNum): Case => ({
      title: `TaskNum ${TaskNum}`,
      run: download({ TaskNum }),
      differs: { name: 'task-num-range', sdk: resolved, ours: rejected('InvalidArgument') },
    }),
  ),
  {
    title: 'TaskNum -1',
    run: download({ TaskNum: -1 }),
    differs: { name: 'task-num-range', sdk: { settled: 'pending' }, ours: rejected('InvalidArgument') },
  },
  {
    title: 'an async function as the callback',
    run: download({}, { style: 'async' }),
    differs: { name: 'async-callback', sdk: { settled: 'pending' }, ours: resolved },
  },
  {
    title: 'an existing file at the destination',
    run: download(async ({ file }) => {
      await writeFile(file, 'old');
      return {};
    }),
  },
  ...[false, true].map(
    (EnableCheckpoint): Case => ({
      title: `a directory at the destination, ${EnableCheckpoint ? 'with' : 'without'} a checkpoint`,
      run: download(async ({ file }) => {
        await mkdir(file);
        return { ...PARTS, EnableCheckpoint };
      }),
      ...(EnableCheckpoint && {
        differs: {
          name: 'directory-with-checkpoint',
          sdk: rejected('IncompletedDownload'),
          ours: rejected('DownloadFileFailed'),
        },
      }),
    }),
  ),
];

const KEYS = ["dir/a b+c'(é)~!*&?#%.bin", '/a//b', '中文/文件 1.txt', '../up', 'a=b;c,d$e@f'];

/** Every header that the SDK has a name for. */
const rich = {
  lastModified,
  metadata: { Colour: 'blue', 'two-words': '%E4%B8%AD' },
  contentType: 'application/x-ramp',
  headers: { ...HEADERS, 'Content-Disposition': 'attachment' },
  appendable: true,
  crc64: false,
};

const objects: Case[] = [
  ...KEYS.map(
    (Key): Case => ({
      title: `the key ${Key}`,
      run: download(({ server }) => {
        server.putObject('data', Key, object, { lastModified });
        return { Key, ...PARTS };
      }),
    }),
  ),
  ...['obs', 'v2'].map(
    (form): Case => ({
      title: `an object with many headers, ${form}`,
      run: download(({ server }) => {
        server.putObject('data', 'rich', object, {
          ...rich,
          storageClass: 'COLD',
          restore: 'done',
          headers: {
            ...rich.headers,
            ...Object.fromEntries(
              ['x-obs-', 'x-amz-'].flatMap((prefix) => [
                [`${prefix}expiration`, 'expiry-date="x"'],
                [`${prefix}tagging-count`, '2'],
                [`${prefix}server-side-encryption`, 'kms'],
                [`${prefix}server-side-encryption-kms-key-id`, 'id'],
                [`${prefix}server-side-encryption-aws-kms-key-id`, 'id2'],
                [`${prefix}object-lock-mode`, 'COMPLIANCE'],
                [`${prefix}website-redirect-location`, '/there'],
                [`${prefix}qos-delay-time`, '7'],
              ]),
            ),
            'Access-Control-Allow-Origin': '*',
          },
        });
        return { Key: 'rich', ...PARTS };
      }),
      client: (server) => (form === 'obs' ? {} : { server: server.endpoint }),
    }),
  ),
  {
    title: 'an empty object',
    run: download(({ server }) => {
      server.putObject('data', 'empty', '', { lastModified });
      return { Key: 'empty' };
    }),
  },
  {
    title: 'an empty object whose condition fails',
    run: download(({ server }) => {
      server.putObject('data', 'empty', '', { lastModified });
      return { Key: 'empty', IfMatch: 'other' };
    }),
    differs: {
      name: 'conditions-on-empty',
      sdk: resolved,
      ours: rejected('PreconditionFailed:At least one of the preconditions you specified did not hold'),
    },
  },
  ...['first', 'second', 'x'.repeat(32)].map(
    (which): Case => ({
      title: `the ${which.slice(0, 6)} version`,
      run: download(({ server }) => {
        const versions = {
          first: server.putObject('data', 'v', 'one', { lastModified, versioned: true }).versionId,
          second: server.putObject('data', 'v', 'two', { lastModified }).versionId,
        };
        return { Key: 'v', VersionId: versions[which as 'first'] ?? which };
      }),
    }),
  ),
  ...[SSE_KEY, Buffer.from(SSE_KEY), 'f'.repeat(32), undefined].map(
    (SseCKey): Case => ({
      title: `an object under SSE-C, key ${typeof SseCKey} ${SseCKey?.slice(0, 1)}`,
      run: download(({ server }) => {
        const content = bytesObject('under the customer key');
        server.putObject('data', 'secret', content, { lastModified, sseCKey: Buffer.from(SSE_KEY) });
        return { Key: 'secret', SseC: SseCKey && 'AES256', SseCKey };
      }),
    }),
  ),
  { title: 'a key that does not exist', run: download({ Key: 'nothing' }) },
  { title: 'a bucket that does not exist', run: download({ Bucket: 'nothing' }) },
  {
    title: 'an archived object',
    run: download(({ server }) => {
      server.putObject('data', 'cold', object, { lastModified, storageClass: 'COLD' });
      return { Key: 'cold', ...PARTS };
    }),
  },
];

const FAILED = 'PreconditionFailed:At least one of the preconditions you specified did not hold';
const etag = object.md5();
const conditions: Case[] = [
  { title: 'IfMatch that holds', run: download({ IfMatch: etag }) },
  { title: 'IfMatch that fails', run: download({ ...PARTS, IfMatch: 'other' }) },
  {
    title: 'IfMatch in quotes',
    run: download({ IfMatch: `"${etag}"` }),
    differs: { name: 'quoted-etag', sdk: rejected(FAILED), ours: resolved },
  },
  { title: 'IfNoneMatch that holds', run: download({ IfNoneMatch: 'other' }) },
  {
    title: 'IfNoneMatch that fails',
    run: download({ IfNoneMatch: etag }),
    differs: {
      name: 'status-without-code',
      sdk: rejected(':'),
      ours: rejected('NotModified:the object does not meet the condition ifNoneMatch (HTTP 304)'),
    },
  },
  { title: 'IfModifiedSince that holds', run: download({ IfModifiedSince: EARLIER }) },
  {
    title: 'IfModifiedSince that fails',
    run: download({ IfModifiedSince: LATER }),
    differs: {
      name: 'status-without-code',
      sdk: rejected(':'),
      ours: rejected('NotModified:the object does not meet the condition ifModifiedSince (HTTP 304)'),
    },
  },
  { title: 'IfUnmodifiedSince that holds', run: download({ IfUnmodifiedSince: LATER }) },
  { title: 'IfUnmodifiedSince that fails', run: download({ IfUnmodifiedSince: EARLIER }) },
];

const temporary = { accessKeyId: 'AKTEMPORARY000000001', secretAccessKey: 'SKmadeUpToo', securityToken: 'to/ken+==' };
/** Changes the keys of the client before the second part. */
function refreshed(what: string, refresh: (stage: Stage) => void): Case {
  const run = download((stage) => {
    stage.server.addCredentials({ accessKeyId: 'AKOTHER', secretAccessKey: 'other' });
    return { ...PARTS, TaskNum: 1, ResumeCallback: () => refresh(stage) };
  });
  return { title: `refresh() to ${what}, while it is running`, run };
}

const clients: Case[] = [
  { title: 'a wrong secret', run: download(), client: () => ({ secret_access_key: 'wrong' }) },
  { title: 'an unknown access key', run: download(), client: () => ({ access_key_id: 'AKUNKNOWN' }) },
  { title: 'no keys, and a private bucket', run: download(), client: () => ({ access_key_id: '' }) },
  {
    title: 'no keys, and a public bucket',
    client: () => ({ secret_access_key: undefined }),
    run: download(({ server }) => {
      server.createBucket('data', { public: true });
      return PARTS;
    }),
  },
  { title: 'path style', run: download(PARTS), client: ({ endpoint }) => ({ server: endpoint }) },
  {
    title: 'path_style and port as options',
    run: download(PARTS),
    client: ({ port }) => ({ server: 'localhost', port, is_secure: false, path_style: true }),
  },
  {
    title: 'a custom domain',
    run: download(PARTS),
    client: ({ port }) => ({ server: `http://downloads.test:${port}/ignored`, is_cname: true }),
  },
  {
    title: 'a custom domain, and a Bucket that is no name of one',
    run: download({ ...PARTS, Bucket: 'Any Thing/at all' }),
    client: ({ port }) => ({ server: `http://downloads.test:${port}`, is_cname: true }),
  },
  {
    title: 'getObjectMetadata of a custom domain without a Bucket',
    run: look({ Bucket: undefined }),
    client: ({ port }) => ({ server: `http://downloads.test:${port}`, is_cname: true }),
  },
  {
    title: 'temporary keys',
    run: download(({ server }) => {
      server.addCredentials(temporary);
      return PARTS;
    }),
    client: () => ({
      access_key_id: ` ${temporary.accessKeyId} `,
      secret_access_key: temporary.secretAccessKey,
      security_token: temporary.securityToken,
    }),
  },
  {
    title: 'keys after refresh()',
    client: () => ({ access_key_id: 'AKOLD', secret_access_key: 'old' }),
    run: download(({ server, client }) => {
      client.refresh(server.credentials.accessKeyId, server.credentials.secretAccessKey);
      return PARTS;
    }),
  },
  refreshed('other keys', ({ client }) => client.refresh('AKOTHER', 'other')),
  refreshed('wrong keys', ({ client }) => client.refresh('AKWRONG', 'wrong')),
  refreshed('no keys', ({ client }) => client.refresh()),
  {
    title: 'refresh() to keys, while it is running without any',
    client: () => ({ access_key_id: null, secret_access_key: null }),
    run: download(({ server, client }) => {
      server.createBucket('data', { public: true });
      const ResumeCallback = () => {
        server.createBucket('data', { public: false });
        client.refresh(server.credentials.accessKeyId, server.credentials.secretAccessKey);
      };
      return { ...PARTS, TaskNum: 1, ResumeCallback };
    }),
  },
  { title: 'no server there', run: download(), client: () => ({ server: 'http://127.0.0.1:1' }) },
];

/** Two calls with the same parameters; the outcome is that of the second, and what it fetched. */
function twice(param: Param, between: (stage: Stage) => void): Case['run'] {
  return async (stage) => {
    const first = download({ ...PARTS, EnableCheckpoint: true, ...param });
    const { settled } = await first(stage);
    if (settled !== 'rejected') throw new Error('the first call was to fail');
    stage.server.setFaults([]);
    between(stage);
    const { server, file } = stage;
    const before = server.requests.length;
    const outcome = await callOnce(stage, {
      ...{ Bucket: 'data', Key: 'object', DownloadFile: file, ...PARTS, EnableCheckpoint: true },
    });
    const fetched = server.requests.slice(before).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    return { ...outcome, result: [outcome.result, fetched < object.size ? 'resumed' : 'from the start'] };
  };
}

const COMPLETE = `${object.size} bytes, ${object.md5()}`;
const lasting = { offset: 500_000, times: 50 };
const failures: Case[] = [
  {
    title: 'a 503 before anything is known',
    run: download(),
    server: { faults: [status(503, { path: 'object', code: 'ServiceUnavailable' })] },
    differs: { name: 'retries', sdk: rejected('GetObjectSizeError'), ours: resolved },
  },
  { title: 'nothing but 503', run: download(), server: { faults: [status(503, { path: 'object', times: 50 })] } },
  {
    title: 'a 503 for a part',
    run: download(PARTS),
    server: { faults: [status(503, { offset: 500_000, method: 'GET' })] },
    differs: { name: 'retries', sdk: rejected('DownloadFileFailed'), ours: resolved },
  },
  {
    title: 'a reset in the body of a part',
    run: download({ ...PARTS, EnableCheckpoint: true }),
    server: { faults: [reset({ offset: 500_000, afterBytes: 1000 })] },
    differs: { name: 'retries', sdk: { settled: 'rejected' }, ours: resolved },
  },
  {
    title: 'a part that always fails',
    run: download(PARTS),
    server: { faults: [status(500, { ...lasting, method: 'GET' })] },
  },
  {
    title: 'a part that always fails, with a checkpoint',
    run: download({ ...PARTS, EnableCheckpoint: true }),
    server: { faults: [status(500, { ...lasting, method: 'GET' })] },
  },
  {
    title: 'a part that always fails, with a checkpoint and a promise',
    run: download({ ...PARTS, EnableCheckpoint: true }, { style: 'promise' }),
    server: { faults: [status(500, { ...lasting, method: 'GET' })] },
    differs: {
      name: 'one-settlement',
      sdk: rejected('DownloadFileFailed'),
      ours: rejected('IncompletedDownload'),
    },
  },
  {
    title: 'an object that disappears',
    run: download({ ...PARTS, TaskNum: 1 }),
    server: { faults: [removeObjectAfter({ requests: 4 })] },
  },
  {
    title: 'an object that is replaced',
    run: download({ ...PARTS, TaskNum: 1, EnableCheckpoint: true }),
    server: { faults: [changeObjectAfter({ requests: 4 })] },
    differs: { name: 'pinned-version', sdk: resolved, ours: rejected('IncompletedDownload') },
  },
  {
    title: 'a server that ignores Range',
    run: download(PARTS),
    server: { faults: [ignoreRange()] },
    differs: {
      name: 'checked-ranges',
      sdk: resolved,
      ours: { ...resolved, files: { 'out.bin': COMPLETE } },
    },
  },
  {
    title: 'a server that gives less than was asked for',
    run: download(PARTS),
    server: { faults: [shortRange({ maxBytes: 100_000 })] },
    differs: {
      name: 'checked-ranges',
      sdk: resolved,
      ours: { ...resolved, files: { 'out.bin': COMPLETE } },
    },
  },
  {
    title: 'bytes that are not those of the checksum',
    run: download(PARTS),
    server: { faults: [header('x-obs-checksum-crc64ecma', '1')] },
    differs: { name: 'checksum', sdk: resolved, ours: rejected('DownloadFileFailed') },
  },
  {
    title: 'a second call after a part failed',
    run: twice({}, () => {}),
    server: { faults: [cut({ ...lasting, afterBytes: 0 })] },
    differs: {
      name: 'progress',
      sdk: { ...resolved, progress: [6 * 204_800, object.size] },
      ours: {
        ...{ ...resolved, progress: [object.size, object.size], files: { 'out.bin': COMPLETE } },
        result: [expect.anything(), 'resumed'],
      },
    },
  },
  {
    title: 'a second call after the object was replaced',
    run: twice({}, ({ server }) => void server.putObject('data', 'object', ramp(object.size, 9), { lastModified })),
    server: { faults: [cut({ ...lasting, afterBytes: 0 })] },
  },
  {
    title: 'a cancel before the first part',
    run: download({ ...PARTS, ResumeCallback: (control: { cancel(): void }) => control.cancel() }),
  },
  {
    title: 'a second call after a cancel',
    run: twice({ ResumeCallback: (control: { cancel(): void }) => control.cancel() }, () => {}),
  },
];

const metadata: Case[] = [
  { title: 'getObjectMetadata', run: look() },
  { title: 'getObjectMetadata with a promise', run: look({}, { style: 'promise' }) },
  { title: 'getObjectMetadata with v2', run: look(), client: ({ endpoint }) => ({ server: endpoint }) },
  { title: 'getObjectMetadata of nothing', run: look({ Key: 'nothing' }) },
  { title: 'getObjectMetadata with a wrong secret', run: look(), client: () => ({ secret_access_key: 'wrong' }) },
  {
    title: 'getObjectMetadata, and nothing but 503',
    run: look(),
    server: { faults: [status(503, { path: 'object', times: 50, code: 'SlowDown' })] },
  },
  {
    title: 'getObjectMetadata without a Key',
    run: look({ Key: '' }),
    differs: {
      name: 'request-errors',
      sdk: rejected('Error: Key is a required element!'),
      ours: rejected('InvalidArgument'),
    },
  },
  {
    title: 'getObjectMetadata without a server there',
    run: look(),
    client: () => ({ server: 'http://127.0.0.1:1', dispatcher: undefined }),
    differs: {
      name: 'request-errors',
      sdk: rejected('Error: connect ECONNREFUSED 127.0.0.1:1'),
      ours: rejected('ECONNREFUSED:cannot connect to 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1'),
    },
  },
];

export const CASES: readonly Case[] = [
  ...[...parameters, ...objects, ...conditions, ...clients, ...failures, ...metadata],
];
