/** Starts the server and the workers of the crash tests, and speaks with them. What is started here is ended by pid. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DownloadFileOptions, DownloadStreamOptions } from '../../src/index.js';
import type { ServerConfig } from './server-main.js';

export const WORKER: string = fileURLToPath(new URL('./worker.mjs', import.meta.url));
const SERVER = fileURLToPath(new URL('./server-main.ts', import.meta.url));

export interface Job {
  /** 'stream': `file` is its spool. */
  readonly verb?: 'file' | 'stream';
  readonly url: string;
  readonly file: string;
  readonly options?: DownloadFileOptions | DownloadStreamOptions;
  readonly exitAt?: string;
}

/** What a worker says. */
export interface Said {
  readonly name: 'ready' | 'planned' | 'checkpointed' | 'completed' | 'failed';
  readonly resumedBytes?: number;
  readonly completedBytes?: number;
  readonly transferredBytes?: number;
  readonly code?: string;
  readonly cause?: string;
  readonly message?: string;
  readonly sha256?: string;
  readonly length?: number;
}

export interface PacedServer {
  url(path: string): string;
  /** Bytes of bodies that were sent for a path so far. */
  sentBytes(path: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startServer(config: ServerConfig): Promise<PacedServer> {
  const child = fork(SERVER, [JSON.stringify(config)], { execArgv: ['--import', 'tsx'] });
  const waiting = new Map<string, ((bytes: number) => void)[]>();
  child.on('message', ({ path, bytesSent }: { path: string; bytesSent: number }) =>
    waiting.get(path)?.shift()?.(bytesSent),
  );
  const [{ port }] = await once(child, 'message');
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    sentBytes: (path) =>
      new Promise((resolve) => {
        waiting.set(path, [...(waiting.get(path) ?? []), resolve]);
        child.send(path);
      }),
    async stop() {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that waits for its job. */
export class Worker {
  readonly said: Said[] = [];
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #onSaid: () => void = () => undefined;

  constructor() {
    this.#child = fork(WORKER, { env: { ...process.env, NODE_OPTIONS: '' } });
    this.#child.on('message', (message: Said) => {
      this.said.push(message);
      this.#onSaid();
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  /** Resolves once it has said so; undefined when it ended without a word of it. */
  async until(name: Said['name']): Promise<Said | undefined> {
    let hasEnded = false;
    void this.ended.then(() => {
      hasEnded = true;
      this.#onSaid();
    });
    for (;;) {
      const found = this.said.find((message) => message.name === name);
      if (found !== undefined || hasEnded) return found;
      await new Promise<void>((resolve) => {
        this.#onSaid = resolve;
      });
    }
  }

  async give(job: Job): Promise<void> {
    await this.until('ready');
    this.#child.send(job);
  }

  /** As a laptop that is closed does. */
  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  proceed(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    this.#child.kill(signal);
    return await this.ended;
  }
}

/** Runs a job to its end. */
export async function runToEnd(job: Job): Promise<Said> {
  const worker = new Worker();
  await worker.give(job);
  await worker.ended;
  const last = worker.said.at(-1);
  if (last?.name !== 'completed') throw new Error(`the download did not complete: ${JSON.stringify(last)}`);
  return last;
}
