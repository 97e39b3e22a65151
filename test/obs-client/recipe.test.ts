import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { slowBody } from '../fixtures/connection-faults.js';
import { type ObsServer, obsServer } from '../fixtures/obs-server.js';
import { expectBytesOf, ramp } from '../fixtures/ramp.js';

const MIB = 1024 * 1024;
const root = fileURLToPath(new URL('../..', import.meta.url));
const recipe = join(root, 'recipes/obs-resumable-download.cjs');
const object = ramp(24 * MIB + 77, 5);

let server: ObsServer;
let directory: string;
let file: string;

beforeEach(async () => {
  server = await obsServer();
  const lastModified = new Date('2026-01-02T03:04:05Z');
  server.putObject('data', 'dir/object', object, { lastModified, metadata: { Colour: 'blue' } });
  directory = await mkdtemp(join(tmpdir(), 'partstream-recipe-'));
  file = join(directory, 'local.bin');
});

afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

function start(program: string = recipe): ChildProcess & { readonly ended: Promise<unknown[]> } {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const child = spawn(process.execPath, [program, server.endpoint, 'data', 'dir/object', file], {
    cwd: root,
    env: { ...process.env, ACCESS_KEY_ID: accessKeyId, SECRET_ACCESS_KEY: secretAccessKey },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return Object.assign(child, { ended: once(child, 'exit') });
}

/** What it printed, and how it ended. */
async function run(program?: string): Promise<{ lines: string[]; code: unknown }> {
  const child = start(program);
  if (child.stdout === null) throw new Error('no output');
  const [printed, [code]] = await Promise.all([text(child.stdout), child.ended]);
  return { lines: printed.trim().split('\n'), code };
}

const sentBytes = () => server.requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
const withoutId = (lines: string[]) => lines.map((line) => line.replace(/^(RequestId-->)[0-9A-F]{32}$/, '$1…'));

describe('the recipe of a resumable download', () => {
  it('prints with the drop-in what it prints with the SDK', async () => {
    const ours = await run();
    expectBytesOf(object, await readFile(file));
    expect(ours.code).toBe(0);
    expect(withoutId(ours.lines)).toEqual([
      'RequestId-->…',
      'LastModified-->Fri, 02 Jan 2026 03:04:05 GMT',
      'Metadata-->{"colour":"blue"}',
    ]);

    // The SDK cannot be used in the tick in which it was made, so that its own sample ends in a TypeError.
    const sdk = JSON.stringify(fileURLToPath(import.meta.resolve('esdk-obs-nodejs')));
    const later = 'downloadFile(...all) { setImmediate(() => super.downloadFile(...all)); }';
    await writeFile(join(directory, 'sdk.cjs'), `module.exports = class extends require(${sdk}) { ${later} };`);
    const sample = await readFile(recipe, 'utf8');
    const original = join(directory, 'sample.cjs');
    await writeFile(original, sample.replace("require('partstream/obs-client')", "require('./sdk.cjs')"));
    expect(withoutId((await run(original)).lines)).toEqual(withoutId(ours.lines));
  });

  it('goes on after a SIGKILL: the file is right, and what was on disk is not fetched again', async () => {
    server.setFaults([slowBody({ bytesPerSecond: 6 * MIB })]);
    const killed = start();
    await expect.poll(sentBytes, { timeout: 10_000, interval: 10 }).toBeGreaterThan(9 * MIB);
    killed.kill('SIGKILL');
    expect(await killed.ended).toEqual([null, 'SIGKILL']);
    await expect(stat(file)).rejects.toThrow('ENOENT');
    expect(await readdir(directory)).toContain('local.bin.part');

    await expect.poll(() => server.openSockets()).toBe(0);
    const before = sentBytes();
    server.setFaults([]);
    const { lines, code } = await run();
    expect([code, lines.length]).toEqual([0, 3]);
    const bytes = await readFile(file);
    expect(bytes.length).toBe(object.size);
    expectBytesOf(object, bytes);
    expect(sentBytes() - before).toBeGreaterThan(0);
    expect(sentBytes() - before).toBeLessThan(object.size - 2 * MIB);
    expect(await readdir(directory)).toEqual(['local.bin']);
  });

  it('says what went wrong', async () => {
    server.deleteObject('data', 'dir/object');
    const child = spawn(process.execPath, [recipe, server.endpoint, 'data', 'dir/object', file], { cwd: root });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect([said, code]).toEqual([expect.stringContaining('Error-->AccessDenied:Access Denied'), 1]);
  });
});
