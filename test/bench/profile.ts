/** Runs partstream once under V8's sampling profiler and prints the functions where the time goes. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { number, tableText } from './bench-table.js';
import { type Measurement, runProgram } from './contestant.js';
import { partstreamFile } from './file-contestants.js';
import { CONCURRENCY, type Stage } from './stage.js';
import { httpsTarget, httpTarget } from './tables/file.js';

const SHOWN = 25;

/** The parts of a .cpuprofile that are read. */
interface CpuProfile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export async function profileTable(stage: Stage, table: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'partstream-bench-profile-'));
  try {
    const nodeFlags = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', directory];
    const run = profiled(stage, nodeFlags)[table];
    if (run === undefined) throw new Error(`no profile of ${table}; of ${Object.keys(profiled(stage, [])).join(', ')}`);
    const { wallS, cpuS, mainUserS, mainSystemS, othersUserS, othersSystemS } = await run();
    const s = (value: number | undefined) => number(value ?? Number.NaN);
    console.log(`\n## profile of ${table}: ${s(wallS)} s, ${s(cpuS)} s of CPU on all threads\n`);
    console.log(
      `main thread: ${s(mainUserS)} s of its own code, ${s(mainSystemS)} s in the kernel (reading sockets, page faults)`,
    );
    console.log(
      `other threads: ${s(othersUserS)} s of their own (V8's compiler and collector), ${s(othersSystemS)} s in the kernel (writing)\n`,
    );
    const [file] = readdirSync(directory);
    if (file === undefined) throw new Error('no profile was written');
    printProfile(JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function profiled(stage: Stage, nodeFlags: readonly string[]): Record<string, () => Promise<Measurement>> {
  const { nginx, objectUrlPath, smallUrlPath, options } = stage;
  return {
    'http-file': () => partstreamFile(stage, httpTarget(stage), {}, { nodeFlags }).run(0),
    'https-file': () => partstreamFile(stage, httpsTarget(stage), {}, { nodeFlags }).run(0),
    stream: () => {
      const config = { url: nginx.http + objectUrlPath, size: options.size, options: { concurrency: CONCURRENCY } };
      return runProgram({ program: 'partstream-stream.mjs', config, nodeFlags });
    },
    small: async () => {
      const out = stage.outDirectory();
      const config = { url: nginx.http + smallUrlPath, out: out.path, count: options.smallObjects, atOnce: 16 };
      const measured = await runProgram({ program: 'partstream-small.mjs', config, nodeFlags });
      out.remove();
      return measured;
    },
  };
}

function printProfile({ nodes, samples, timeDeltas }: CpuProfile): void {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfUs = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const name = frame === undefined ? '?' : frameText(frame);
    selfUs.set(name, (selfUs.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const totalUs = [...selfUs.values()].reduce((sum, us) => sum + us, 0);
  const top = [...selfUs].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  const rows = top.map(([name, us]) => [name, number(us / 1000), number((us / totalUs) * 100)]);
  console.log(tableText(['function of the main thread', 'self ms', '%'], rows));
  console.log('(idle): waiting, and the kernel while it reads sockets. (program): other native code.');
  console.log('The start of the process is in the table, and not in the seconds above.');
}

function frameText({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const place = url.replace('file://', '').replace(root, '');
  return place === '' ? functionName : `${functionName || '(anonymous)'} ${place}:${lineNumber + 1}`;
}
