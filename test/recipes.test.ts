/** Every recipe, run as its reader would run it: a process of its own, on the built package, against a real server. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { create } from 'tar';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createPresignedUrl } from '../src/source/presigned-url.js';
import { type ObsServer, obsServer } from './fixtures/obs-server.js';
import { bytesObject, ramp, type TestObject } from './fixtures/ramp.js';
import { type RangeServer, rangeServer } from './fixtures/range-server.js';

const MiB = 1024 * 1024;
const RECIPES = new URL('../recipes/', import.meta.url);
const recipes = await readdir(RECIPES);
/** Recipes that a test of their own runs. */
const RUN_ELSEWHERE: Record<string, string> = { 'obs-resumable-download.cjs': './obs-client/recipe.test.ts' };
const ran = new Set<string>();

let directory: string;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'partstream-recipes-'));
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

type Child = ChildProcessByStdio<null, Readable, Readable>;

function start(recipe: string, args: readonly string[], environment: Record<string, string> = {}): Child {
  ran.add(recipe);
  const child = spawn(process.execPath, [new URL(recipe, RECIPES).pathname, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  return child;
}

/** Runs a recipe to its end. */
async function run(recipe: string, args: readonly string[], environment: Record<string, string> = {}) {
  const child = start(recipe, args, environment);
  const [stdout, stderr, [code]] = await Promise.all([buffer(child.stdout), buffer(child.stderr), once(child, 'exit')]);
  return { code, bytes: stdout, output: stdout.toString(), errors: stderr.toString() };
}

async function serve(object: TestObject, options: { bytesPerSecond?: number } = {}): Promise<RangeServer> {
  const server = await rangeServer(object, [], options);
  cleanups.push(() => server.close());
  return server;
}

async function serveObs(options: Parameters<typeof obsServer>[0] = {}): Promise<ObsServer> {
  const server = await obsServer(options);
  cleanups.push(() => server.close());
  return server;
}

function expectObject(actual: Uint8Array, object: TestObject): void {
  expect(actual.length).toBe(object.size);
  expect(createHash('sha256').update(actual).digest('hex')).toBe(object.sha256());
}

describe('recipes', () => {
  it.each(recipes)('%s is under 40 lines, and begins with what it shows and how to run it', async (recipe) => {
    const lines = (await readFile(new URL(recipe, RECIPES), 'utf8')).trimEnd().split('\n');
    expect(lines.length).toBeLessThan(40);
    expect(lines[0]).toMatch(/^\/\/ .{20}/);
    const comment = lines.slice(
      0,
      lines.findIndex((line) => !line.startsWith('//')),
    );
    expect(comment.join('\n')).toMatch(new RegExp(`^// {3,}node recipes/${recipe} `, 'm'));
  });

  it('stream-to-stdout.mjs writes the bytes in order, and ends quietly when the reader has enough', async () => {
    const object = ramp(12 * MiB + 5, 3);
    const server = await serve(object);
    const whole = await run('stream-to-stdout.mjs', [server.url]);
    expect(whole.errors).toBe('');
    expectObject(whole.bytes, object);

    const child = start('stream-to-stdout.mjs', [server.url]);
    const errors = buffer(child.stderr);
    const [head] = await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect((await errors).toString()).toBe('');
    expect(object.slice(0, head.length).equals(head)).toBe(true);
  });

  it('untar-while-downloading.mjs unpacks what was packed', async () => {
    const packed = join(directory, 'packed');
    await mkdir(join(packed, 'folder'), { recursive: true });
    const files = { 'a.bin': ramp(3 * MiB, 1), 'folder/b.bin': ramp(6 * MiB + 7, 2), empty: ramp(0) };
    for (const [name, object] of Object.entries(files)) await writeFile(join(packed, name), object.slice());
    const archive = join(directory, 'archive.tar.gz');
    // Level 0: the ramp would shrink to one part.
    await create({ gzip: { level: 0 }, file: archive, cwd: packed }, ['.']);
    const server = await serve(bytesObject(await readFile(archive)));
    const target = join(directory, 'unpacked');
    const { code, errors } = await run('untar-while-downloading.mjs', [server.url, target]);
    expect([code, errors]).toEqual([0, '']);
    for (const [name, object] of Object.entries(files)) expectObject(await readFile(join(target, name)), object);
    expect(server.requests.length).toBeGreaterThan(1);
  });

  it('file-with-progress-bar.mjs fills its bar and the file', async () => {
    const object = ramp(7 * MiB, 4);
    const server = await serve(object);
    const { code, output, errors } = await run('file-with-progress-bar.mjs', [server.url, 'bar.bin']);
    expect(code).toBe(0);
    // The bar goes to stderr, as its library has it.
    expect(errors).toMatch(/100% \| 7\.0 of 7\.0 MiB/);
    expect(output).toContain('the store announces no checksum');
    expectObject(await readFile(join(directory, 'bar.bin')), object);
  });

  it('resume-after-a-crash.mjs goes on with the missing bytes after a SIGKILL', async () => {
    const object = ramp(24 * MiB, 5);
    const server = await serveObs({ bytesPerSecond: 8 * MiB });
    server.putObject('bucket', 'some/key', object);
    const { accessKeyId, secretAccessKey } = server.credentials;
    const environment = { OBS_ACCESS_KEY_ID: accessKeyId, OBS_SECRET_ACCESS_KEY: secretAccessKey };
    const args = [server.endpoint, 'bucket', 'some/key', 'resumed.bin'];

    const first = start('resume-after-a-crash.mjs', args, environment);
    let said = '';
    for await (const text of first.stdout.setEncoding('utf8')) {
      said += text;
      const recorded = [...said.matchAll(/(\d+) bytes are recorded/g)].map(([, bytes]) => Number(bytes));
      if (Math.max(...recorded) >= 4 * MiB) first.kill('SIGKILL');
    }
    expect(said).toContain('0 bytes are on the disk already');

    const second = await run('resume-after-a-crash.mjs', args, environment);
    expect([second.code, second.errors]).toEqual([0, '']);
    const [, fetched, resumed] = /fetched (\d+), resumed (\d+) of/.exec(second.output)?.map(Number) ?? [];
    expect(resumed).toBeGreaterThanOrEqual(4 * MiB);
    expect(fetched).toBeLessThan(object.size);
    expect(second.output).toContain(`${resumed} bytes are on the disk already`);
    expect(second.output).toContain('verification: crc64ecma');
    expectObject(await readFile(join(directory, 'resumed.bin')), object);
  });

  it('sha256-while-streaming.mjs prints the SHA-256, and refuses another one', async () => {
    const object = ramp(11 * MiB + 1, 6);
    const server = await serve(object);
    const right = await run('sha256-while-streaming.mjs', [server.url, object.sha256()]);
    expect([right.code, right.output]).toEqual([0, `${object.sha256()}\n`]);
    const wrong = await run('sha256-while-streaming.mjs', [server.url, ramp(1).sha256()]);
    expect(wrong.code).not.toBe(0);
    expect([wrong.output, wrong.errors]).toEqual(['', expect.stringContaining('PS_ERR_CHECKSUM')]);
  });

  it('presigned-url.mjs survives the expiry of its URL', async () => {
    const object = ramp(30 * MiB, 7);
    let clockAheadMs = 0;
    // Ten minutes pass at the third request: the URL of the first is expired then.
    const server = await serveObs({
      nowMs: () => {
        if (server.requests.length === 3) clockAheadMs = 600_000;
        return Date.now() + clockAheadMs;
      },
    });
    server.putObject('bucket', 'model.bin', object);
    const { endpoint, credentials } = server;
    let signed = 0;
    const signer = createServer((_request, response) => {
      signed += 1;
      const date = new Date(Date.now() + clockAheadMs);
      response.end(createPresignedUrl({ endpoint, bucket: 'bucket', key: 'model.bin', credentials, date }));
    }).listen(0, '127.0.0.1');
    await once(signer, 'listening');
    cleanups.push(() => signer.close());

    const url = `http://127.0.0.1:${(signer.address() as AddressInfo).port}/sign?key=model.bin`;
    const { code, output, errors } = await run('presigned-url.mjs', [url, 'presigned.bin']);
    expect([code, errors]).toEqual([0, '']);
    expect(output).toContain('asking for a URL (first)\nasking for a URL (expired)\n');
    expect(signed).toBe(2);
    expect(server.requests.some(({ status }) => status === 403)).toBe(true);
    expectObject(await readFile(join(directory, 'presigned.bin')), object);
  });

  it('s3-compatible-endpoint.mjs signs with v4 and names the file by the key', async () => {
    const object = ramp(9 * MiB, 8);
    const server = await serveObs({ region: 'us-east-1' });
    server.putObject('bucket', 'folder/data.bin', object);
    const { accessKeyId, secretAccessKey } = server.credentials;
    const environment = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const args = [server.endpoint, 'bucket', 'folder/data.bin', 's3'];
    const { code, output, errors } = await run('s3-compatible-endpoint.mjs', args, environment);
    expect([code, errors]).toEqual([0, '']);
    const path = /^(.*): \d+ bytes, ETag ".*"$/m.exec(output)?.[1] ?? '';
    expectObject(await readFile(path), object);
    expect(new Set(server.requests.map((request) => server.formOf(request)))).toEqual(new Set(['v4']));

    const forged = { ...environment, AWS_SECRET_ACCESS_KEY: 'another' };
    const refused = await run('s3-compatible-endpoint.mjs', args, forged);
    expect(refused.code).not.toBe(0);
    expect(refused.errors).toContain('SignatureDoesNotMatch');
  });

  it('compose-your-own-pipeline.mjs reads the tail in order and makes the file', async () => {
    const object = ramp(10 * MiB + 3, 9);
    const server = await serve(object);
    const { code, output, errors } = await run('compose-your-own-pipeline.mjs', [server.url, 'composed.bin']);
    expect([code, errors]).toEqual([0, '']);
    const tail = createHash('sha256').update(object.slice(object.size - 3 * MiB));
    expect(output).toContain(`sha256 of the last ${3 * MiB} bytes: ${tail.digest('hex')}`);
    expectObject(await readFile(join(directory, 'composed.bin')), object);
  });

  it('are all run by a test', async () => {
    for (const [recipe, test] of Object.entries(RUN_ELSEWHERE)) {
      expect(await readFile(new URL(test, import.meta.url), 'utf8')).toContain(recipe);
    }
    expect([...ran, ...Object.keys(RUN_ELSEWHERE)].sort()).toEqual([...recipes].sort());
  });
});
