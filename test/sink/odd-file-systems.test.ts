/** File systems and directories that do not do what others do. */

import fs from 'node:fs';
import { chmod, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DestinationError, DiskError } from '../../src/errors.js';
import { resolveDestination } from '../../src/sink/destination.js';
import { type FileOps, nodeFileOps } from '../../src/sink/file-ops.js';
import { runInChild } from './child-run.js';
import { failing, faultyFileOps, systemError } from './faulty-file-ops.js';
import { chunksOf, feed, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const bytes = rampBytes(100_000);
afterEach(() => void vi.restoreAllMocks());

const onLinux = it.runIf(process.platform === 'linux');

function resolveTo(path: string | { directory: string }, ops: FileOps = nodeFileOps, name: string = 'k') {
  return resolveDestination(path, name, { overwrite: true, checkpoint: true }, ops);
}

describe('a file system without modes', () => {
  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS'])(
    'is published to: fchmod answers %s',
    async (code) => {
      const path = join(await temporaryDirectory(), 'model.bin');
      const fileOps = faultyFileOps(failing('file.makeReadable', '.part', code));
      const sink = await openSink(path, objectOf(bytes.length), { fileOps });
      await feed(sink, chunksOf(bytes));
      await sink.publish();
      expect((await readFile(path)).equals(bytes)).toBe(true);
    },
  );

  it('is another thing than a disk that fails', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const fileOps = faultyFileOps(failing('file.makeReadable', '.part', 'EIO'));
    const sink = await openSink(path, objectOf(bytes.length), { fileOps });
    await feed(sink, chunksOf(bytes));
    await expect(sink.publish()).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EIO' } });
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });
});

describe('free space', () => {
  onLinux('a file system that has no size is not a full one', async () => {
    // Of proc as of ramfs, statfs says that it has no blocks at all.
    expect(await nodeFileOps.freeBytes('/proc')).toBe(Number.POSITIVE_INFINITY);
    expect(await nodeFileOps.freeBytes(await temporaryDirectory())).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

describe('a directory that takes no new files', () => {
  it('T076: is told before anything else is done', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    for (const code of ['EACCES', 'EROFS']) {
      const ops = faultyFileOps(failing('checkWritable', dirname(path), code));
      for (const asked of [path, { directory: dirname(path) }]) {
        const error = await resolveTo(asked, ops).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(DiskError);
        expect(error).toMatchObject({ path: dirname(path), cause: { code } });
      }
    }
  });

  it('T076: is another thing than one of which only access() says so', async () => {
    const directory = await temporaryDirectory();
    const denied = vi
      .spyOn(fs, 'access')
      .mockImplementation(((_path: string, _mode: number, done: fs.NoParamCallback) =>
        done(systemError('EACCES') as NodeJS.ErrnoException)) as never);
    await nodeFileOps.checkWritable(directory);
    expect(denied).toHaveBeenCalled();
    expect(await readdir(directory)).toEqual([]);
  });

  it('T076: is told before any request, and nothing is left in it', async () => {
    const directory = await temporaryDirectory();
    await chmod(directory, 0o555);
    const { output } = await runInChild(`
      import { createServer } from 'node:http';
      const { createDownloadStream, downloadFile } = await load('src/index.ts');
      let requests = 0;
      const server = createServer((request, response) => { requests += 1; response.end('bytes'); }).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const url = 'http://127.0.0.1:' + server.address().port + '/a';
      const directory = ${JSON.stringify(directory)};
      // Root may write anywhere.
      if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
      const fails = (run) => run.then(() => 'done', (error) => error.code + ' ' + error.cause?.code);
      console.log(await fails(downloadFile(url, directory + '/a')));
      console.log(await fails(downloadFile(url, { directory })));
      console.log(await fails(createDownloadStream(url, { spool: directory + '/a' }).resume().on('error', () => {}).result));
      console.log(requests, 'requests');
      process.exit();
    `);
    const refused = 'PS_ERR_DISK EACCES';
    expect(output.split('\n')).toEqual([refused, refused, refused, '0 requests']);
    expect(await readdir(directory)).toEqual([]);
  });

  onLinux('is told at once where the system says of a new directory that its parent is missing', async () => {
    const { output } = await runInChild(`
      const { downloadFile } = await load('src/index.ts');
      const url = 'http://127.0.0.1:1/a';
      const fails = (run) => run.then(() => 'done', (error) => error.code + ' ' + error.cause?.code + ' ' + error.path);
      console.log(await fails(downloadFile(url, '/proc/nope/x/a')));
      console.log(await fails(downloadFile(url, { directory: '/proc/nope/x' })));
      console.log(await fails(downloadFile(url, '/tmp/a', { checkpoint: '/proc/nope/x/ck' })));
      process.exit();
    `);
    const refused = 'PS_ERR_DISK ENOENT /proc/nope';
    expect(output.split('\n')).toEqual([refused, refused, refused]);
  });
});

describe('missing directories', () => {
  it('are made by those who need them at the same time', async () => {
    const directory = await temporaryDirectory();
    const paths = ['a', 'b', 'c/d'].map((name) => join(directory, 'x', 'y', 'z', name));
    const places = await Promise.all(paths.map((path) => resolveTo(path)));
    expect(places.map(({ path }) => path)).toEqual(paths);
    expect((await readdir(join(directory, 'x', 'y', 'z'))).sort()).toEqual(['c']);
  });
});

describe('a path that names a directory', () => {
  it.each(['a/', 'a/.', 'a/..', 'a/./', 'a/b/.', './', '.', '..'])(
    '%j is refused, and nothing is made',
    async (end) => {
      const directory = await temporaryDirectory();
      const error = await resolveTo(`${directory}/${end}`).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DestinationError);
      expect(error).toMatchObject({ reason: 'directory' });
      expect(await readdir(directory)).toEqual([]);
    },
  );

  it.each(['a.', 'a..', '.a', '...'])('%j names a file', async (name) => {
    const directory = await temporaryDirectory();
    expect((await resolveTo(`${directory}/${name}`)).path).toBe(join(directory, name));
  });
});
