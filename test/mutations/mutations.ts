/**
 * Breaks, one at a time and in a copy of the tree, lines that protect bytes or secrets, and shows that the test which
 * keeps each guarantee fails then. `npm run test:mutations` prints one line a mutation; it fails when one goes unseen.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MUTATIONS } from './mutation-list.js';

const copy = mkdtempSync(join(tmpdir(), 'partstream-mutations-'));
let unseen = 0;
try {
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(name, join(copy, name), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  for (const { guarantee, file, line, broken, test } of MUTATIONS) {
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(line)) throw new Error(`${file} no longer holds: ${line}`);
    const passesWhole = passes(test);
    writeFileSync(path, text.replace(line, broken));
    const passesBroken = passes(test);
    writeFileSync(path, text);
    const isSeen = passesWhole && !passesBroken;
    if (!isSeen) unseen += 1;
    console.log(
      `${isSeen ? 'seen  ' : 'UNSEEN'} ${guarantee}: ${file} broken, ${test} ${passesBroken ? 'passes' : 'fails'}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${MUTATIONS.length - unseen} of ${MUTATIONS.length} mutations seen`);
process.exitCode = unseen === 0 ? 0 : 1;

function passes(test: string): boolean {
  return spawnSync('npx', ['vitest', 'run', test], { cwd: copy, stdio: 'ignore' }).status === 0;
}
