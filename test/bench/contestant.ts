/** A contestant and how it is run: as a process of its own, timed, and believed only when its output is right. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What one run took. */
export type Measurement = {
  wallS?: number;
  cpuS?: number;
  peakRssMiB?: number;
  /** Bytes read from sockets, heads included. */
  receivedBytes?: number;
  requests?: number;
  connections?: number;
  [other: string]: number | undefined;
};

export interface Contestant {
  readonly name: string;
  /** One run, its output checked. `round` 0 is the first warm-up. */
  run(round: number): Promise<Measurement>;
}

/** A contestant that hangs is ended after so long. */
const LONGEST_RUN_MS = 300_000;

/** They end with the benchmark, however that ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface Program {
  /** File under contestants/. */
  readonly program: string;
  readonly config: Record<string, unknown>;
  readonly nodeFlags?: readonly string[];
}

/** Runs a Node contestant and returns its line. */
export async function runProgram(program: Program): Promise<Measurement> {
  const child = startProgram(program);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await ended(program.program, child);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Measurement;
}

/** Starts a Node contestant without waiting for it. */
export function startProgram({ program, config, nodeFlags = [] }: Program): ChildProcess {
  const path = fileURLToPath(new URL(`contestants/${program}`, import.meta.url));
  return track(
    spawn(process.execPath, [...nodeFlags, path, JSON.stringify(config)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    }),
  );
}

/** Runs another program under GNU time, whose clock includes the start of the process: some milliseconds for C. */
export async function runCommand(command: string, args: readonly string[]): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), 'partstream-bench-time-'));
  try {
    const report = join(directory, 'time');
    const startedAtMs = performance.now();
    const timed = ['-q', '-o', report, '-f', '%U %S %M', command, ...args];
    const child = track(spawn('/usr/bin/time', timed, { stdio: ['ignore', 'ignore', 'inherit'] }));
    await ended(command, child);
    const wallS = (performance.now() - startedAtMs) / 1000;
    const [user = 0, system = 0, rssKiB = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
    return { wallS, cpuS: user + system, peakRssMiB: rssKiB / 1024 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, command)));
}

function track(child: ChildProcess): ChildProcess {
  running.add(child);
  return child.once('close', () => running.delete(child));
}

async function ended(name: string, child: ChildProcess): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_RUN_MS);
  try {
    const [code, signal] = await once(child, 'close');
    if (signal !== null) throw new Error(`${name} was ended by ${signal} (limit: ${LONGEST_RUN_MS / 1000} s)`);
    if (code !== 0) throw new Error(`${name} ended with ${code}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Throws, unless `path` holds exactly the first `size` bytes of the object. */
export async function expectOutput(path: string, objectPath: string, size: number): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false })?.size;
  if (found !== size) throw new Error(`WRONG OUTPUT: ${path} has ${found} bytes instead of ${size}`);
  await promisify(execFile)('cmp', ['-n', String(size), path, objectPath]).catch((error: { stdout?: string }) => {
    throw new Error(`WRONG OUTPUT: ${error.stdout?.trim() || error}`);
  });
}
