import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeFileOps } from '../../src/sink/file-ops.js';
import { describeThisOwner } from '../../src/sink/owner-record.js';
import { type Contender, startContender } from '../sink/contender.js';
import { count, openDirectory, report } from './suite.js';

const ROUNDS = count('CRASH_LOCK_ROUNDS', 10, 500);
const PROCESSES = 8;

let directory: Awaited<ReturnType<typeof openDirectory>>;
let contenders: Contender[];
beforeAll(async () => {
  directory = await openDirectory();
  contenders = await Promise.all(Array.from({ length: PROCESSES }, () => startContender('process')));
}, 60_000);
afterAll(async () => {
  await Promise.all(contenders.map((contender) => contender.kill('SIGKILL')));
  await directory.remove();
});

/** What a dead owner leaves: one that is known to be dead, or one that has only been silent for a day. */
async function leaveLock(lockPath: string, isKnown: boolean): Promise<void> {
  const name = `owner-${'0123456789abcdef'.repeat(2)}`;
  const dead = { ...(await describeThisOwner(nodeFileOps)), startTime: 'never' };
  mkdirSync(lockPath);
  writeFileSync(join(lockPath, name), JSON.stringify(isKnown ? dead : { ...dead, hostname: 'elsewhere' }));
  const longAgo = new Date(Date.now() - 86_400_000);
  utimesSync(join(lockPath, name), longAgo, longAgo);
  utimesSync(lockPath, longAgo, longAgo);
}

it(`${PROCESSES} processes contend for one destination in ${ROUNDS} rounds, and there are never two owners (T103)`, {
  timeout: 30_000 + ROUNDS * 1000,
}, async () => {
  const path = join(directory.path, 'file');
  const marker = join(directory.path, 'owner-at-work');
  let [owners, refused] = [0, 0];
  for (let round = 0; round < ROUNDS; round += 1) {
    // A third of the rounds over a free lock, the others over one that was left.
    if (round % 3 > 0) await leaveLock(`${path}.part.lock`, round % 3 === 1);
    // Whoever finds the marker of another owner fails with EEXIST instead of a lock.
    const answers = await Promise.all(contenders.map((contender) => contender.tell({ lock: path, marker })));
    const winners = answers.flatMap(({ locked }, index) => (locked ? [contenders[index]] : []));
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ code }) => code === 'PS_ERR_LOCKED')).toHaveLength(PROCESSES - 1);
    owners += winners.length;
    refused += PROCESSES - winners.length;
    await winners[0]?.tell({ release: true });
    expect(readdirSync(directory.path)).toEqual([]);
  }
  report(
    `lock contention: ${ROUNDS} rounds of ${PROCESSES} processes, ${owners} owners, ${refused} refused, never two`,
  );
});
