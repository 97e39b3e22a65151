/** Starts lock-worker.ts in a process or a thread, and talks to it one order at a time. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

export interface Answer {
  locked?: true;
  code?: string;
  message?: string;
  compromised?: boolean;
}

export interface Contender {
  /** 0 for a thread. */
  readonly pid: number;
  send(order: object): void;
  answer(): Promise<Answer>;
  tell(order: object): Promise<Answer>;
  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

const PROGRAM = fileURLToPath(new URL('./lock-worker.ts', import.meta.url));
const THREAD_PROGRAM = new URL('./lock-thread.mjs', import.meta.url);

/** A process when its own is asked for, a worker thread of this process otherwise. */
export async function startContender(kind: 'process' | 'thread'): Promise<Contender> {
  const child = kind === 'process' ? fork(PROGRAM, { execArgv: ['--import', 'tsx'] }) : undefined;
  const thread = kind === 'thread' ? new Worker(THREAD_PROGRAM) : undefined;
  const answers: Answer[] = [];
  const waiting: ((answer: Answer) => void)[] = [];
  const receive = (message: Answer) => {
    const next = waiting.shift();
    if (next) next(message);
    else answers.push(message);
  };
  child?.on('message', (message) => receive(message as Answer));
  thread?.on('message', receive);
  const contender: Contender = {
    pid: child?.pid ?? 0,
    send: (order) => (child ? void child.send(order) : thread?.postMessage(order)),
    answer: () => {
      const early = answers.shift();
      return early ? Promise.resolve(early) : new Promise((resolve) => waiting.push(resolve));
    },
    tell: (order) => {
      contender.send(order);
      return contender.answer();
    },
    async kill(signal) {
      if (thread) {
        await thread.terminate();
        return { code: 0, signal: null };
      }
      if (!child || child.exitCode !== null || child.signalCode !== null) return { code: 0, signal: null };
      const ended = once(child, 'exit');
      child.kill(signal);
      const [code, by] = await ended;
      return { code, signal: by };
    },
  };
  await contender.answer();
  return contender;
}
