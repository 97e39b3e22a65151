/**
 * How much of a suite is run: a short form within `npm test`, the whole with `npm run test:crash` and `test:fuzz`. Every
 * count can be set by an environment variable, and PARTSTREAM_SEED repeats a run.
 */

import { randomInt } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const isWhole = process.env.PARTSTREAM_SUITE === 'whole';

/** How often: `short` within `npm test`, `whole` in the suite's own run, or what the variable says. */
export function count(variable: string, short: number, whole: number): number {
  return Number(process.env[variable] ?? (isWhole ? whole : short));
}

/** Of the first case; the others count on from it. */
export const FIRST_SEED: number = Number(process.env.PARTSTREAM_SEED ?? randomInt(2 ** 30));

/** One line of counts; what was promised is compared with them. */
export function report(line: string): void {
  console.log(`${line} (first seed ${FIRST_SEED})`);
}

/** Random numbers in [0, 1) that a seed repeats: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the values. */
export function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}

/** A directory of its own; the function removes it. */
export async function openDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'partstream-crash-')));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Runs the jobs, `lanes` of them at a time; the first failure ends it. */
export async function inLanes<T>(lanes: number, jobs: Iterable<T>, run: (job: T) => Promise<void>): Promise<void> {
  const queue = jobs[Symbol.iterator]();
  const lane = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) await run(next.value);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
