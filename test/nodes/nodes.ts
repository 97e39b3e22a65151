/**
 * Runs the unit suite on every Node that is supported: this one and those that npm packages bring, which are fetched
 * into a temporary directory. Prints each version with its counts; fails when a test fails on any of them.
 * Arguments go to vitest: `npm run test:nodes -- test/sink`.
 */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const MAJORS = [20, 22, 24];
const filters = process.argv.slice(2);

interface Counts {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
}

/** The path of a Node of that major version: this one, or the newest that npm has. */
async function findNode(major: number, directory: string): Promise<string> {
  if (Number(process.versions.node.split('.')[0]) === major) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const home = join(directory, String(major));
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', home];
  await promisify(execFile)('npm', ['install', ...flags, `${name}@${major}`], { cwd: directory });
  return join(home, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/** Runs vitest on that Node, and what its tests start, too. */
async function runSuite(node: string, report: string): Promise<Counts | undefined> {
  const args = ['run', '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`, ...filters];
  const suite = spawn(node, [join('node_modules', 'vitest', 'vitest.mjs'), ...args], {
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
    stdio: 'inherit',
  });
  await once(suite, 'exit');
  return await readFile(report, 'utf8').then(JSON.parse, () => undefined);
}

const directory = await mkdtemp(join(tmpdir(), 'partstream-nodes-'));
try {
  const lines: string[] = [];
  for (const major of MAJORS) {
    const node = await findNode(major, directory);
    const { stdout: version } = await promisify(execFile)(node, ['--version']);
    console.log(`\n== Node ${version.trim()}`);
    const report = join(process.env.TEST_REPORTS ?? directory, `node-${major}.json`);
    const counts = await runSuite(node, report);
    if (!counts?.success || counts.numTotalTests === 0) process.exitCode = 1;
    lines.push(
      counts === undefined
        ? `${version.trim()}: did not run`
        : `${version.trim()}: ${counts.numPassedTests} passed, ${counts.numFailedTests} failed, ${counts.numPendingTests} skipped`,
    );
  }
  console.log(`\n${lines.join('\n')}`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
