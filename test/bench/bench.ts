/**
 * `npm run bench`: measures partstream against others on this machine, table by table, and says which figures hold.
 * Ends with 1 when a contestant failed or an output was wrong; a figure that is missed is only printed.
 */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { readOptions, USAGE } from './bench-options.js';
import { type BenchTable, figureText, isHeld, tableText } from './bench-table.js';
import { profileTable } from './profile.js';
import { openStage, type Stage } from './stage.js';
import { checkpoint } from './tables/checkpoint.js';
import { httpFile, httpsFile } from './tables/file.js';
import { journal } from './tables/journal.js';
import { loopDelay } from './tables/loop-delay.js';
import { memory } from './tables/memory.js';
import { plan } from './tables/plan.js';
import { resume } from './tables/resume.js';
import { small } from './tables/small.js';
import { straggler } from './tables/straggler.js';
import { stream } from './tables/stream.js';
import { varying } from './tables/varying.js';
import { warm } from './tables/warm.js';

const TABLES: readonly BenchTable[] = [
  httpFile,
  httpsFile,
  warm,
  stream,
  varying,
  straggler,
  small,
  memory,
  checkpoint,
  resume,
  journal,
  plan,
  loopDelay,
];

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    console.log(`${USAGE}\n\ntables: ${TABLES.map(({ name }) => name).join(' ')}`);
    return;
  }
  const options = readOptions(args);
  const wanted = options.tables.length === 0 ? TABLES : options.tables.map(tableNamed);
  const stage = await openStage(options);
  const stop = () => process.exit(130);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    console.log(machineText(stage));
    if (options.profile !== undefined) await profileTable(stage, options.profile);
    else await measureAll(stage, wanted);
  } finally {
    await stage.close();
  }
}

function tableNamed(name: string): BenchTable {
  const table = TABLES.find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`no table is called ${name}\n\n${USAGE}`);
  return table;
}

async function measureAll(stage: Stage, tables: readonly BenchTable[]): Promise<void> {
  const summary: string[] = [];
  const record: Record<string, unknown> = {};
  for (const { name, title, measure } of tables) {
    console.log(`\n## ${name}: ${title}\n`);
    const { columns, rows, figures, series, notes = [] } = await measure(stage);
    console.log(tableText(columns, rows));
    for (const note of notes) console.log(note);
    const lines = figures.map(figureText);
    for (const { name: contestant, failure } of series) {
      if (failure === undefined) continue;
      process.exitCode = 1;
      lines.push(`FAILED  ${contestant}: ${failure}`);
    }
    console.log(`\n${lines.join('\n')}`);
    summary.push(...lines.map((line) => `${name.padEnd(10)} ${line}`));
    record[name] = {
      figures: figures.map((figure) => ({ ...figure, isHeld: isHeld(figure) })),
      series: series.map(({ name: contestant, failure, runs }) => ({ contestant, failure, runs })),
    };
  }
  console.log(`\n## Summary\n\n${summary.join('\n')}`);
  const { jsonPath, size, runs } = stage.options;
  if (jsonPath !== undefined) {
    const machine = machineText(stage);
    writeFileSync(jsonPath, `${JSON.stringify({ machine, size, runs, tables: record }, undefined, 2)}\n`);
  }
}

function machineText({ nginx, options: { size, runs, warmUps } }: Stage): string {
  const [cpu] = cpus();
  const kernel = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  return [
    `${cpus().length} x ${cpu?.model ?? 'unknown'}, ${kernel}, Node ${process.version}, ${nginx.version}`,
    `object of ${size / 2 ** 20} MiB; medians of ${runs} interleaved runs after ${warmUps} warm-up; servers on this machine`,
  ].join('\n');
}

await main(process.argv.slice(2));
