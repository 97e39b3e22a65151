/**
 * The demo: downloads an object from the embedded OBS server, which checks signatures, kills the downloading process
 * half-way with SIGKILL, starts it again, and proves that the file is right. Works offline, leaves nothing behind.
 */

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DownloadEventMap, DownloadResult } from '../../src/index.js';
import type { ObsServerAnnouncement, ObsServerConfig, ObsServerTally } from '../fixtures/obs-server-main.js';
import { ramp } from '../fixtures/ramp.js';

const MiB = 1024 * 1024;
const BUCKET = 'demo';
const KEY = 'models/model.bin';
const SIZE = 256 * MiB;
const SEED = 7;
const CONNECTIONS = 8;
const BYTES_PER_SECOND_PER_CONNECTION = 4 * MiB;
const KILL_AT = 0.45;

const children = new Set<ChildProcess>();
const directory = await mkdtemp(join(tmpdir(), 'partstream-demo-'));

let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    void cleanUp().then(() => process.exit(130));
  });
}
try {
  await main();
} catch (error) {
  if (!isInterrupted) console.error(error);
  process.exitCode = 1;
} finally {
  await cleanUp();
}

async function main(): Promise<void> {
  const { server, announcement } = await startServer();
  const { endpoint, accessKeyId, secretAccessKey } = announcement;
  const [object] = announcement.objects;
  const file = join(directory, 'model.bin');
  const download = () =>
    start(
      fork(new URL('./download.mjs', import.meta.url), [endpoint, BUCKET, KEY, file], {
        env: { ...process.env, OBS_ACCESS_KEY_ID: accessKeyId, OBS_SECRET_ACCESS_KEY: secretAccessKey },
      }),
    );

  say(`obs://${BUCKET}/${KEY}: ${inMiB(SIZE)}, crc64ecma ${object?.crc64ecma}`);
  say(`The server checks every signature and gives each connection ${inMiB(BYTES_PER_SECOND_PER_CONNECTION)}/s.\n`);

  say(`1. Download over ${CONNECTIONS} connections, and SIGKILL to the process at ${KILL_AT * 100} %`);
  const first = download();
  await killAt(KILL_AT, first);
  const killed = await tally(server);
  say(`   killed process ${first.pid} after ${inMiB(killed.bytesSent)} had been sent to it; beside the file now:`);
  for (const name of (await readdir(directory)).sort()) say(`     ${name}`);

  say('\n2. The same program again');
  const result = await finish(download());
  const total = await tally(server);

  say('\n3. What happened');
  const refetchedBytes = total.bytesSent - SIZE;
  // A block of 512 KiB of each connection, and 100 ms of traffic.
  const toleratedBytes = CONNECTIONS * (MiB / 2) + CONNECTIONS * BYTES_PER_SECOND_PER_CONNECTION * 0.1;
  const sha256 = await sha256Of(file);
  const served = ramp(SIZE, SEED).sha256();
  const leftovers = (await readdir(directory)).filter((name) => name !== 'model.bin');
  const { verification } = result;
  check('resumed', result.resumedBytes > 0, `${inMiB(result.resumedBytes)} were on the disk already and were kept`);
  check(
    're-fetched',
    refetchedBytes <= toleratedBytes,
    `${inMiB(refetchedBytes)} were sent twice (${((refetchedBytes / SIZE) * 100).toFixed(1)} %); at most ${inMiB(toleratedBytes)} is promised`,
  );
  check(
    'verified',
    verification.scope === 'object' && verification.origin === 'store' && verification.value === object?.crc64ecma,
    `${verification.algorithm} ${verification.value}, announced by the ${verification.origin}`,
  );
  check('SHA-256', sha256 === served, `${sha256}, computed here from the file, and from what was served`);
  check('cleaned up', leftovers.length === 0, 'nothing is left beside the file');
  say(
    `     requests    ${killed.requests} before the kill, ${result.requests} after it (${result.retries} retries, ${result.hedges} hedges)`,
  );
}

async function startServer(): Promise<{ server: ChildProcess; announcement: ObsServerAnnouncement }> {
  const config: ObsServerConfig = {
    bytesPerSecond: BYTES_PER_SECOND_PER_CONNECTION,
    buckets: { [BUCKET]: {} },
    objects: [{ bucket: BUCKET, key: KEY, size: SIZE, seed: SEED }],
  };
  const main = new URL('../fixtures/obs-server-main.ts', import.meta.url).pathname;
  const server = spawn(process.execPath, ['--import', 'tsx', main, JSON.stringify(config)], {
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
  start(server);
  const [line] = await once(createInterface(server.stdout as Readable), 'line');
  return { server, announcement: JSON.parse(line) };
}

function start(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

interface Message<N extends keyof DownloadEventMap = keyof DownloadEventMap> {
  readonly name: N;
  readonly payload: DownloadEventMap[N];
}

function isMessage<N extends keyof DownloadEventMap>(name: N, message: unknown): message is Message<N> {
  return (message as Message).name === name;
}

/** Kills a download without a warning once it is so far. */
async function killAt(share: number, child: ChildProcess): Promise<void> {
  child.on('message', (message) => {
    if (!isMessage('progress', message)) return;
    const { completedBytes, totalBytes } = message.payload;
    if (completedBytes >= share * totalBytes) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'exit');
  restoreTerminal();
  if (signal !== 'SIGKILL') throw new Error(`the download ended by itself (${code}) before it was killed`);
}

async function finish(child: ChildProcess): Promise<DownloadResult> {
  let result: DownloadResult | undefined;
  child.on('message', (message) => {
    if (isMessage('completed', message)) result = message.payload.result;
  });
  const [code] = await once(child, 'exit');
  if (code !== 0 || result === undefined) throw new Error(`the download failed (${code})`);
  return result;
}

async function tally(server: ChildProcess): Promise<ObsServerTally> {
  server.send('tally');
  const [answer] = await once(server, 'message');
  return answer;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** A killed progress bar leaves the cursor in its line and line wrapping off. */
function restoreTerminal(): void {
  if (process.stdout.isTTY) process.stdout.write('\x1b[?25h\x1b[?7h\n');
}

async function cleanUp(): Promise<void> {
  for (const child of children) {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await rm(directory, { recursive: true, force: true });
}

function check(what: string, isRight: boolean, detail: string): void {
  say(`  ${isRight ? 'ok ' : 'BAD'}${what.padEnd(12)}${detail}`);
  if (!isRight) process.exitCode = 1;
}

function inMiB(bytes: number): string {
  return `${(bytes / MiB).toFixed(bytes % MiB === 0 ? 0 : 1)} MiB`;
}

function say(line: string): void {
  console.log(line);
}
