import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createDownloadEvents,
  createDownloadStream,
  downloadFile,
  http,
  type NetworkError,
  ObjectChangedError,
} from '../../src/index.js';
import { runDownload, startAndKill } from './download-process.js';
import { type Nginx, startNginx } from './nginx.js';
import { sha256OfFile, writeNoise } from './noise-file.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const MEDIUM = 48 * MiB + 12_345;

let nginx: Nginx;
let directory: string;
let file: string;
let bigSha256: string;
let mediumSha256: string;

beforeAll(async () => {
  nginx = await startNginx();
  bigSha256 = await writeNoise(join(nginx.root, 'big.bin'), GiB, 1);
  mediumSha256 = await writeNoise(join(nginx.root, 'medium.bin'), MEDIUM, 2);
});
afterAll(() => nginx.stop());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'partstream-nginx-test-'));
  file = join(directory, 'download');
  return () => rm(directory, { recursive: true, force: true });
});

/** What curl makes of it. */
async function sha256ByCurl(url: string, ...args: string[]): Promise<string> {
  const copy = join(directory, 'by-curl');
  await promisify(execFile)('curl', ['--fail', '--silent', '--show-error', '--output', copy, ...args, url]);
  return sha256OfFile(copy);
}

async function sha256OfStream(stream: ReturnType<typeof createDownloadStream>): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(stream, hash);
  return hash.digest('hex');
}

describe('a gibibyte from nginx', () => {
  it('arrives right as a file, and leaves nothing beside it', async () => {
    const result = await downloadFile(nginx.url('plain', 'big.bin'), file);
    expect([result.transferredBytes, result.retries]).toEqual([GiB, 0]);
    expect(await sha256OfFile(file)).toBe(bigSha256);
    expect(await readdir(directory)).toEqual(['download']);
  });

  it('arrives right as a stream', async () => {
    const stream = createDownloadStream(nginx.url('plain', 'big.bin'));
    expect(await sha256OfStream(stream)).toBe(bigSha256);
    expect(await stream.result).toMatchObject({ transferredBytes: GiB, retries: 0 });
  });

  it('arrives right over TLS, by file and by stream', async () => {
    const source = http(nginx.url('plain', 'big.bin', 'https'), { tls: { ca: nginx.certificate } });
    await downloadFile(source, file);
    expect(await sha256OfFile(file)).toBe(bigSha256);
    expect(await sha256OfStream(createDownloadStream(source))).toBe(bigSha256);
  });

  it('is resumed after a SIGKILL', async () => {
    const job = { url: nginx.url('plain', 'big.bin'), file, options: { maxBytesPerSecond: 200 * MiB } };
    await startAndKill(job, 2000);
    const result = await runDownload({ ...job, options: {} });
    expect(result.resumedBytes).toBeGreaterThan(0);
    expect(result.transferredBytes).toBe(GiB - result.resumedBytes);
    expect(await sha256OfFile(file)).toBe(bigSha256);
  });
});

describe('the habits of nginx', () => {
  it('a certificate that nobody vouches for is refused', async () => {
    const error = await downloadFile(nginx.url('plain', 'medium.bin', 'https'), file).catch((error) => error);
    expect((error as NetworkError).code).toBe('PS_ERR_NETWORK');
    expect(await readdir(directory)).toEqual([]);
  });

  it('curl gets the same bytes, the whole and ranges of it', async () => {
    const url = nginx.url('plain', 'medium.bin');
    await downloadFile(url, file, { partSize: MiB });
    expect(await sha256OfFile(file)).toBe(await sha256ByCurl(url));
    for (const [start, end] of [
      [0, 1],
      [5 * MiB - 1, 5 * MiB + 1],
      [MiB + 7, 31 * MiB],
      [MEDIUM - 1, MEDIUM],
    ] as const) {
      await downloadFile(url, file, { range: { start, end }, partSize: MiB });
      expect((await stat(file)).size).toBe(end - start);
      const expected = await sha256ByCurl(url, '--range', `${start}-${end - 1}`);
      expect(await sha256OfFile(file)).toBe(expected);
      expect(await sha256OfStream(createDownloadStream(url, { range: { start, end }, partSize: MiB }))).toBe(expected);
    }
    await downloadFile(url, file, { range: { start: MEDIUM - 3 * MiB } });
    expect(await sha256OfFile(file)).toBe(await sha256ByCurl(url, '--range', `-${3 * MiB}`));
  });

  it('text that nginx would compress comes as it is', async () => {
    const text = 'the same line again and again\n'.repeat(300_000);
    await writeFile(join(nginx.root, 'lines.txt'), text);
    const url = nginx.url('gzip', 'lines.txt');
    const { size } = await stat(join(nginx.root, 'lines.txt'));
    await sha256ByCurl(url, '--compressed');
    expect((await nginx.served()).at(-1)).toMatchObject({ encoding: 'gzip' });

    const result = await downloadFile(url, file, { partSize: MiB });
    expect(result.transferredBytes).toBe(size);
    expect(await sha256OfFile(file)).toBe(createHash('sha256').update(text).digest('hex'));
    expect((await nginx.served()).at(-1)).toMatchObject({ encoding: '-' });
  });

  it('connections that end after three requests cost no retry', async () => {
    const before = (await nginx.served()).length;
    const result = await downloadFile(nginx.url('short-lived', 'medium.bin'), file, { partSize: MiB, concurrency: 4 });
    expect(result.retries).toBe(0);
    expect(await sha256OfFile(file)).toBe(mediumSha256);
    const answers = (await nginx.served()).slice(before);
    expect(answers.filter(({ connection }) => connection === 'close').length).toBeGreaterThan(10);
  });

  it('a limited rate is used by every connection', async () => {
    const startedAt = performance.now();
    await downloadFile(nginx.url('slow', 'medium.bin'), file, { concurrency: 8, partSize: MiB });
    const seconds = (performance.now() - startedAt) / 1000;
    expect(await sha256OfFile(file)).toBe(mediumSha256);
    // One connection would need six seconds.
    expect(seconds).toBeLessThan(4);
  });

  it('a server that ignores Range becomes one plain stream, and the file is right', async () => {
    const before = (await nginx.served()).length;
    const url = nginx.url('no-ranges', 'medium.bin');
    await downloadFile(url, file);
    expect(await sha256OfFile(file)).toBe(mediumSha256);
    expect(await sha256OfStream(createDownloadStream(url))).toBe(mediumSha256);
    const answers = (await nginx.served()).slice(before);
    expect(answers.map(({ status, bodyBytes }) => [status, bodyBytes])).toEqual([
      [200, MEDIUM],
      [200, MEDIUM],
    ]);
  });
});

describe('a file that is replaced on the disk of nginx during the download', () => {
  const size = 64 * MiB;
  let oldSha256: string;
  let newSha256: string;

  /** The old file, and a way to put the new one in its place once some bytes have come. */
  async function prepare(name: string) {
    const served = join(nginx.root, name);
    const next = join(nginx.root, `${name}.next`);
    oldSha256 = await writeNoise(served, size, 3);
    newSha256 = await writeNoise(next, size, 4);
    // The ETag of nginx is made of the time, in seconds, and the size.
    await utimes(served, 1_700_000_000, 1_700_000_000);
    await utimes(next, 1_700_000_100, 1_700_000_100);
    const events = createDownloadEvents();
    let replaced: Promise<void> | undefined;
    events.on('progress', ({ transferredBytes }) => {
      if (transferredBytes > 4 * MiB) replaced ??= rename(next, served);
    });
    return { url: nginx.url('slow', name), events, wasReplaced: () => replaced };
  }

  it('is an ObjectChangedError, and no file', async () => {
    const { url, events, wasReplaced } = await prepare('replaced-1.bin');
    await expect(downloadFile(url, file, { events, concurrency: 4, partSize: MiB })).rejects.toThrow(
      ObjectChangedError,
    );
    expect(wasReplaced()).toBeDefined();
    expect(await readdir(directory)).not.toContain('download');
    // The next call gets the new one, whole.
    await downloadFile(url, file);
    expect(await sha256OfFile(file)).toBe(newSha256);
  });

  it("is downloaded anew with onObjectChanged: 'restart'", async () => {
    const { url, events, wasReplaced } = await prepare('replaced-2.bin');
    await downloadFile(url, file, { events, concurrency: 4, partSize: MiB, onObjectChanged: 'restart' });
    expect(wasReplaced()).toBeDefined();
    expect(await sha256OfFile(file)).toBe(newSha256);
  });

  it('ends a stream with an ObjectChangedError after old bytes only', async () => {
    const { url, events, wasReplaced } = await prepare('replaced-3.bin');
    const received: Buffer[] = [];
    const stream = createDownloadStream(url, { events, concurrency: 4, partSize: MiB });
    stream.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => {});
    await expect(stream.result).rejects.toThrow(ObjectChangedError);
    expect(wasReplaced()).toBeDefined();
    const bytes = Buffer.concat(received);
    const expected = join(directory, 'expected');
    expect(await writeNoise(expected, size, 3)).toBe(oldSha256);
    expect(bytes.length).toBeGreaterThan(0);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(await sha256OfFile(expected, 0, bytes.length));
  });
});
