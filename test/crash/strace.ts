/** Runs a worker under strace, which kills it at, or fails, one system call of one kind: the exact crash point. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ended, type Job, type Said, WORKER } from './processes.js';

// Counters are per thread: with one thread in the pool there is one order of all calls to the file system.
const ENVIRONMENT = { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };

/** Why strace cannot be used here; undefined when it can. */
export function whyNoStrace(): string | undefined {
  try {
    execFileSync('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=99', 'true']);
    return undefined;
  } catch (error) {
    return `strace cannot trace here (apt-get install strace; ptrace must be allowed): ${String(error).split('\n')[0]}`;
  }
}

/** The calls that change what is on disk. */
export const CHANGING_CALLS = [
  'pwrite64',
  'pwritev',
  'fdatasync',
  'fsync',
  'ftruncate',
  'rename',
  'link',
  'unlink',
  'rmdir',
  'mkdir',
] as const;
export type ChangingCall = (typeof CHANGING_CALLS)[number];

/** How often the file-system thread of a job makes each of the calls. */
export async function countCalls(job: Job, folder: string): Promise<Map<ChangingCall, number>> {
  const log = join(folder, 'strace.log');
  await run(['-o', log, '-e', `trace=${CHANGING_CALLS.join()}`], job);
  const counts = new Map<string, number>();
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    const [, thread = '', call] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (call !== undefined) counts.set(`${thread} ${call}`, (counts.get(`${thread} ${call}`) ?? 0) + 1);
  }
  await rm(log);
  const most = (call: string) =>
    Math.max(0, ...[...counts].filter(([key]) => key.endsWith(` ${call}`)).map(([, times]) => times));
  return new Map(CHANGING_CALLS.map((call) => [call, most(call)] as const));
}

/** Runs a job with a fault: `inject('fsync', 'signal=KILL:when=2', job)`. */
export async function inject(call: ChangingCall, fault: string, job: Job): Promise<Ended & { last: Said | undefined }> {
  return await run(['-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:${fault}`], job);
}

// Not with --seccomp-bpf: strace 6.1 then counts no further than the first call.
async function run(args: readonly string[], job: Job): Promise<Ended & { last: Said | undefined }> {
  const command = ['-f', '-qq', ...args, process.execPath, WORKER, JSON.stringify(job)];
  const child = spawn('strace', command, {
    env: { ...process.env, NODE_OPTIONS: '', ...ENVIRONMENT },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code, signal] = await once(child, 'close');
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  return { code, signal, last: line.startsWith('{') && line.endsWith('}') ? JSON.parse(line) : undefined };
}
