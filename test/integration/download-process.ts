/** Starts downloads in processes of their own, and kills them. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DownloadFileOptions, DownloadResult, ObsSourceOptions, S3SourceOptions } from '../../src/index.js';

export interface DownloadJob {
  readonly url?: string;
  readonly obs?: ObsSourceOptions;
  readonly s3?: S3SourceOptions;
  readonly file: string;
  readonly options?: DownloadFileOptions;
}

/** Starts a download and kills it so long after it had discovered its object. Rejects when it ended by itself. */
export async function startAndKill(job: DownloadJob, afterMs: number): Promise<void> {
  const child = start(job);
  const exit = once(child, 'exit');
  await until(child, 'discovered');
  await sleep(afterMs);
  child.kill('SIGKILL');
  const [code, signal] = await exit;
  if (signal !== 'SIGKILL') throw new Error(`the download ended by itself (${code}), ${afterMs} ms after it began`);
}

/** Runs a download to its end. */
export async function runDownload(job: DownloadJob): Promise<DownloadResult> {
  const child = start(job);
  const exit = once(child, 'exit');
  const { result } = await until<{ result: DownloadResult }>(child, 'completed');
  const [code] = await exit;
  if (code !== 0) throw new Error(`the download ended with ${code}`);
  return result;
}

function start(job: DownloadJob): ChildProcess {
  return fork(new URL('./download-process.mjs', import.meta.url), [JSON.stringify(job)]);
}

async function until<T>(child: ChildProcess, name: string): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    child.on('message', (message: { name: string; payload: T }) => {
      if (message.name === name) resolve(message.payload);
    });
    child.once('exit', (code, signal) => reject(new Error(`ended (${code ?? signal}) before it was ${name}`)));
  });
}
