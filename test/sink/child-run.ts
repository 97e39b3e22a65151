/** Runs a few lines in a process of their own: for what would hang or change this one. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const LIMIT_MS = 15_000;

/**
 * The lines are a module that finds our sources by `load('src/sink/lock.ts')`. Resolves with what it printed, and how it
 * ended; it is killed when it takes too long.
 */
export async function runInChild(lines: string): Promise<{ output: string; code: number | null }> {
  const program = `const load = (file) => import(new URL(file, ${JSON.stringify(ROOT.href)}).href);\n${lines}`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', program];
  // So few descriptors that it can use them up.
  const child = spawn('sh', ['-c', 'ulimit -Sn 512; exec "$0" "$@"', ...node], {
    cwd: fileURLToPath(ROOT),
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { output: output.trim(), code };
}
