import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDownloadEvents, createDownloadStream, downloadFile, isDownloadError } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { openDirectory } from './suite.js';

const object = ramp(250_000, 4);
const VICTIM = 'what belongs to somebody else';

let server: RangeServer;
let root: Awaited<ReturnType<typeof openDirectory>>;
let folder: string;
let victim: string;
let cases = 0;

beforeAll(async () => {
  root = await openDirectory();
  server = await rangeServer(object);
});
afterAll(async () => {
  await server.close();
  await root.remove();
});
beforeEach(() => {
  cases += 1;
  folder = join(root.path, String(cases));
  mkdirSync(join(folder, 'elsewhere'), { recursive: true });
  victim = join(folder, 'elsewhere', 'victim');
  writeFileSync(victim, VICTIM, { mode: 0o640 });
});

const file = () => join(folder, 'file');
const PLANTS: Readonly<Record<string, (at: string) => void>> = {
  'a symbolic link': (at) => symlinkSync(victim, at),
  'a dangling symbolic link': (at) => symlinkSync(join(folder, 'elsewhere', 'nothing'), at),
  'a hard link': (at) => linkSync(victim, at),
  'a symbolic link to a directory': (at) => symlinkSync(join(folder, 'elsewhere'), at),
};

function expectVictimUntouched(): void {
  expect(readFileSync(victim, 'utf8')).toBe(VICTIM);
  expect(lstatSync(victim).mode & 0o777).toBe(0o640);
  expect(readdirSync(join(folder, 'elsewhere'))).toEqual(['victim']);
}

describe.each(Object.keys(PLANTS))('%s that somebody planted', (plant) => {
  const isHard = plant === 'a hard link';

  it('at the destination is replaced by the file, never followed', async () => {
    PLANTS[plant]?.(file());
    await downloadFile(server.url, file());
    expect(lstatSync(file()).isFile()).toBe(true);
    expect(readFileSync(file()).equals(object.slice())).toBe(true);
    expectVictimUntouched();
  });

  it('at the destination stays with overwrite: false', async () => {
    PLANTS[plant]?.(file());
    const before = server.requests.length;
    await expect(downloadFile(server.url, file(), undefined)).resolves.toBeDefined();
    expectVictimUntouched();
    PLANTS[plant]?.(`${file()}2`);
    const options = { overwrite: false };
    await expect(downloadFile(server.url, `${file()}2`, options)).rejects.toMatchObject({ reason: 'exists' });
    expect(server.requests.length - before).toBeLessThan(10);
    expect(lstatSync(`${file()}2`).isSymbolicLink()).toBe(!isHard);
    expectVictimUntouched();
  });

  it.each(['.part', '.part.checkpoint', '.part.lock', '.part.lock.new', '.part.checkpoint.new'])(
    'at %s is refused or replaced, and what it leads to stays as it is (T114)',
    async (ending) => {
      PLANTS[plant]?.(file() + ending);
      const outcome = await downloadFile(server.url, file()).then(
        () => undefined,
        (error: unknown) => error,
      );
      expectVictimUntouched();
      if (outcome === undefined) expect(readFileSync(file()).equals(object.slice())).toBe(true);
      else {
        expect(isDownloadError(outcome)).toBe(true);
        expect(() => lstatSync(file())).toThrow('ENOENT');
        // Refused: it is still there for whoever looks into it.
        expect(lstatSync(file() + ending).isSymbolicLink()).toBe(!isHard);
      }
    },
  );

  it('at the names of a spool is refused or replaced', async () => {
    for (const [index, ending] of ['', '.part', '.part.checkpoint'].entries()) {
      const spool = `${file()}${index}`;
      PLANTS[plant]?.(spool + ending);
      const stream = createDownloadStream(server.url, { spool });
      const outcome = await stream.toArray().catch((error: unknown) => error);
      if (Array.isArray(outcome)) expect(Buffer.concat(outcome).equals(object.slice())).toBe(true);
      else expect(isDownloadError(outcome)).toBe(true);
      await stream.result.catch(() => undefined);
      expectVictimUntouched();
    }
  });
});

it('a planted part file that leads to the destination itself is never written through', async () => {
  writeFileSync(file(), VICTIM);
  linkSync(file(), `${file()}.part`);
  linkSync(file(), join(folder, 'another-name'));
  await downloadFile(server.url, file());
  expect(readFileSync(join(folder, 'another-name'), 'utf8')).toBe(VICTIM);
  expect(readFileSync(file()).equals(object.slice())).toBe(true);
});

it.each(['.part', '.part.checkpoint'])(
  'a %s of an earlier download that got another name is refused, and that name stays as it is',
  async (ending) => {
    const [events, aborting] = [createDownloadEvents(), new AbortController()];
    events.once('checkpointed', () => aborting.abort());
    const large = await rangeServer(ramp(5_000_000), [], { bytesPerSecond: 8_000_000 });
    const options = { concurrency: 1, partSize: 1_048_576 };
    await expect(downloadFile(large.url, file(), { ...options, events, signal: aborting.signal })).rejects.toThrow();
    const before = readFileSync(file() + ending);
    linkSync(file() + ending, join(folder, 'another-name'));
    const outcome = await downloadFile(large.url, file(), options).catch((error: unknown) => error);
    expect(isDownloadError(outcome)).toBe(true);
    expect(readFileSync(join(folder, 'another-name')).equals(before)).toBe(true);
    await large.close();
  },
);
