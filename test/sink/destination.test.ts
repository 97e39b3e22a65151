import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DestinationError, DiskError, InvalidOptionError } from '../../src/errors.js';
import { type Destination, resolveDestination } from '../../src/sink/destination.js';
import { type FileOps, nodeFileOps } from '../../src/sink/file-ops.js';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'partstream-destination-')));
});

afterEach(() => rmSync(folder, { recursive: true }));

function resolveTo(
  destination: string | { directory: string },
  { name = 'k', overwrite = true, checkpoint = true as boolean | string, ops = nodeFileOps as FileOps } = {},
): Promise<Destination> {
  return resolveDestination(destination, name, { overwrite, checkpoint }, ops);
}

async function reasonOf(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DestinationError);
  return (error as DestinationError).reason;
}

describe('the names', () => {
  it('stand beside the destination', async () => {
    const path = join(folder, 'a.bin');
    expect(await resolveTo(path)).toEqual({
      path,
      partPath: `${path}.part`,
      checkpointPath: `${path}.part.checkpoint`,
      besideCheckpointPath: `${path}.part.checkpoint`,
      lockPath: `${path}.part.lock`,
      hadTraces: false,
    });
  });

  it.each(['a.bin.part.lock', 'a.bin.part.checkpoint'])('tell that %s is there', async (name) => {
    writeFileSync(join(folder, name), '');
    expect((await resolveTo(join(folder, 'a.bin'))).hadTraces).toBe(true);
  });

  it('hold no checkpoint when none is wanted, and the given one when it is elsewhere', async () => {
    const path = join(folder, 'a.bin');
    expect((await resolveTo(path, { checkpoint: false })).checkpointPath).toBeUndefined();
    const elsewhere = join(folder, 'records', 'a.json');
    expect((await resolveTo(path, { checkpoint: elsewhere })).checkpointPath).toBe(elsewhere);
    expect(readdirSync(folder)).toEqual(['records']);
  });

  it.each(['a.bin', 'a.bin.part', 'a.bin.part.lock'])('refuse a checkpoint at %s', async (name) => {
    const attempt = resolveTo(join(folder, 'a.bin'), { checkpoint: join(folder, name) });
    await expect(attempt).rejects.toThrow(InvalidOptionError);
  });

  it.each(['a'.repeat(255), `${'é'.repeat(127)}x`, `${'😀'.repeat(63)}abc`])(
    'T082: are valid for a base name of 255 bytes (%#)',
    async (name) => {
      const { path, hadTraces, partPath, checkpointPath, lockPath } = await resolveTo(join(folder, name));
      const neighbours = { partPath, checkpointPath, lockPath };
      expect(basename(path)).toBe(name);
      expect(hadTraces).toBe(false);
      const others = Object.values(neighbours).map((neighbour) => basename(neighbour ?? ''));
      expect(new Set(others).size).toBe(3);
      for (const other of [name, ...others]) {
        expect(other).not.toContain('\ufffd');
        writeFileSync(join(folder, other), '');
        rmSync(join(folder, other));
      }
      const sibling = await resolveTo(join(folder, `${name.slice(0, -1)}y`));
      expect(Object.values(sibling)).not.toContain(neighbours.partPath);
    },
  );

  it('T105: are the same through a symbolic link, a ./ and a relative path', async () => {
    mkdirSync(join(folder, 'real'));
    symlinkSync('real', join(folder, 'alias'));
    const expected = await resolveTo(join(folder, 'real', 'a.bin'));
    expect(await resolveTo(join(folder, 'alias', 'a.bin'))).toEqual(expected);
    expect(await resolveTo(`${folder}/real/./a.bin`)).toEqual(expected);
    expect(await resolveTo(relative(process.cwd(), join(folder, 'real', 'a.bin')))).toEqual(expected);
    expect(await resolveTo({ directory: join(folder, 'alias') }, { name: 'a.bin' })).toEqual(expected);
  });
});

describe('a path', () => {
  it('T076: that is a directory is refused', async () => {
    expect(await reasonOf(resolveTo(folder))).toBe('directory');
    expect(await reasonOf(resolveTo(`${folder}/new/`))).toBe('directory');
    expect(await reasonOf(resolveTo('/'))).toBe('directory');
  });

  it('T076: in a directory that cannot be written is a DiskError', async () => {
    const readOnly = () => Promise.reject(Object.assign(new Error('EROFS: read-only'), { code: 'EROFS' }));
    const ops: FileOps = { ...nodeFileOps, makeDirectory: readOnly };
    await expect(resolveTo(join(folder, 'new', 'a.bin'), { ops })).rejects.toThrow(DiskError);
    await expect(resolveTo({ directory: folder }, { name: 'new/a.bin', ops })).rejects.toThrow(DiskError);
  });

  it('whose parent is a file is a DiskError', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(resolveTo(join(folder, 'file', 'a.bin'))).rejects.toThrow(DiskError);
  });

  it('whose directories are missing gets them', async () => {
    await resolveTo(join(folder, 'x', 'y', 'a.bin'));
    expect(lstatSync(join(folder, 'x', 'y')).isDirectory()).toBe(true);
  });

  it('T075: that exists is refused when overwrite is false, whatever is there (T076: a dangling link, too)', async () => {
    const path = join(folder, 'a.bin');
    expect((await resolveTo(path, { overwrite: false })).path).toBe(path);
    symlinkSync('nowhere', path);
    expect(await reasonOf(resolveTo(path, { overwrite: false }))).toBe('exists');
    rmSync(path);
    writeFileSync(path, 'theirs');
    expect(await reasonOf(resolveTo(path, { overwrite: false }))).toBe('exists');
    expect((await resolveTo(path)).path).toBe(path);
  });

  it('that is a symbolic link is itself the destination, not what it points to', async () => {
    mkdirSync(join(folder, 'real'));
    symlinkSync('real', join(folder, 'link'));
    expect((await resolveTo(join(folder, 'link'))).path).toBe(join(folder, 'link'));
  });

  it('that is a device is never replaced', async () => {
    expect(await reasonOf(resolveTo('/dev/null'))).toBe('exists');
  });

  it('that is empty or holds a NUL is an InvalidOptionError', async () => {
    await expect(resolveTo('')).rejects.toThrow(InvalidOptionError);
    await expect(resolveTo('a\0b')).rejects.toThrow(InvalidOptionError);
    await expect(resolveTo({ directory: '' })).rejects.toThrow(InvalidOptionError);
  });
});

describe('a directory', () => {
  it('is created with the sub-directories of the key', async () => {
    const { path } = await resolveTo({ directory: join(folder, 'root') }, { name: 'x/./y//a..b.bin' });
    expect(path).toBe(join(folder, 'root', 'x', 'y', 'a..b.bin'));
    expect(lstatSync(join(folder, 'root', 'x', 'y')).isDirectory()).toBe(true);
    expect(readdirSync(join(folder, 'root', 'x', 'y'))).toEqual([]);
  });

  it('T112: a symbolic link planted below the directory of the caller is never followed', async () => {
    const victim = join(folder, 'victim');
    mkdirSync(victim);
    mkdirSync(join(folder, 'root', 'x'), { recursive: true });
    symlinkSync(victim, join(folder, 'root', 'planted'));
    symlinkSync(victim, join(folder, 'root', 'x', 'deep'));
    symlinkSync('nowhere', join(folder, 'root', 'dangling'));
    for (const name of ['planted/a', 'planted/b/a', 'x/deep/a', 'dangling/a']) {
      expect(await reasonOf(resolveTo({ directory: join(folder, 'root') }, { name }))).toBe('symlink');
    }
    expect(readdirSync(victim)).toEqual([]);
  });

  it('T112: a directory swapped for a link while we look leads nowhere either', async () => {
    const victim = join(folder, 'victim');
    const swapped = join(folder, 'root', 'x');
    mkdirSync(victim);
    mkdirSync(swapped, { recursive: true });
    const ops: FileOps = {
      ...nodeFileOps,
      realPath: (path) => {
        if (path === swapped) {
          rmSync(swapped, { recursive: true });
          symlinkSync(victim, swapped);
        }
        return nodeFileOps.realPath(path);
      },
    };
    expect(await reasonOf(resolveTo({ directory: join(folder, 'root') }, { name: 'x/a', ops }))).toBe('outside');
  });

  it('with a file where a sub-directory is needed is refused', async () => {
    writeFileSync(join(folder, 'x'), '');
    expect(await reasonOf(resolveTo({ directory: folder }, { name: 'x/a' }))).toBe('exists');
  });

  it('refuses a key that leads outside, before anything is created', async () => {
    expect(await reasonOf(resolveTo({ directory: join(folder, 'root') }, { name: '../a' }))).toBe('outside');
    expect(await reasonOf(resolveTo({ directory: join(folder, 'root') }, { name: 'a/' }))).toBe('directory');
    expect(readdirSync(folder)).toEqual([]);
  });
});
