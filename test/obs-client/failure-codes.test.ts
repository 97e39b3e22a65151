import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskError } from '../../src/errors.js';
import { downloadFailure } from '../../src/obs-client/client-error-of.js';
import ObsClient, { type ObsClientError } from '../../src/obs-client.js';
import { cut } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServerOptions, rangeServer } from '../fixtures/range-server.js';

const MIB = 1024 * 1024;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'partstream-failure-codes-'));
});
afterEach(() => rm(directory, { recursive: true }));

const diskError = (code: string | undefined) =>
  new DiskError('/data/file.part', code && Object.assign(new Error(`${code}: no`), { code }), 'no');
const codeOf = (code: string | undefined, isDiscovered: boolean) =>
  downloadFailure(diskError(code), { isDiscovered, isResumable: true }).code;

describe('an error of the disk', () => {
  it.each(['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EISDIR', 'EFBIG'])(
    'is no reason to call again when it is %s',
    (code) => {
      expect([codeOf(code, false), codeOf(code, true)]).toEqual(['DownloadFileFailed', 'DownloadFileFailed']);
    },
  );

  it.each(['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', undefined])(
    'may pass when it is %s, once the object is known',
    (code) => {
      expect([codeOf(code, false), codeOf(code, true)]).toEqual(['DownloadFileFailed', 'IncompletedDownload']);
    },
  );
});

describe('downloadFile', () => {
  const object = ramp(6 * MIB, 3);

  /** The error of a call, and how many requests it took. */
  async function failureOf(path: string, options: RangeServerOptions = {}): Promise<[string, number]> {
    const server = await rangeServer(object, [cut({ offset: 5 * MIB, afterBytes: 0, times: 99 })], options);
    try {
      const client = new ObsClient({ server: new URL(server.url).origin, max_retry_count: 0 });
      const param = {
        Bucket: 'data',
        Key: 'key',
        DownloadFile: path,
        PartSize: MIB,
        TaskNum: 1,
        EnableCheckpoint: true,
      };
      const error = await client.downloadFile(param).then(
        () => undefined,
        (error: ObsClientError) => error,
      );
      return [error?.code ?? 'it succeeded', server.requests.length];
    } finally {
      await server.close();
    }
  }

  it('says that the file cannot be written where it was asked for, before any request', async () => {
    await writeFile(join(directory, 'file'), '');
    expect(await failureOf(join(directory, 'file', 'below'))).toEqual(['DownloadFileFailed', 0]);
    expect(await failureOf('/proc/nothing/file')).toEqual(['DownloadFileFailed', 0]);
  });

  it('promises that what was fetched is kept only where it can go on from there', async () => {
    const [strong] = await failureOf(join(directory, 'strong'));
    expect(strong).toBe('IncompletedDownload');
    expect(await readdir(directory)).toContain('strong.part.checkpoint');
    for (const options of [{ weakEtag: true }, { noEtag: true }] satisfies RangeServerOptions[]) {
      const [code] = await failureOf(join(directory, 'weak'), options);
      expect(code).toBe('DownloadFileFailed');
    }
  });
});
