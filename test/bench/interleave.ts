/** Runs contestants in turns, A B C A B C, so that a busy minute of the machine hits all of them. */

import type { Contestant, Measurement } from './contestant.js';

/** All counted runs of one contestant. */
export class Series {
  readonly name: string;
  readonly runs: Measurement[] = [];
  /** Why it was given up, if it was. */
  failure: string | undefined;

  constructor(name: string) {
    this.name = name;
  }

  values(key: string): number[] {
    return this.runs.flatMap((run) => run[key] ?? []);
  }

  /** NaN when nothing was measured. */
  median(key: string): number {
    const sorted = this.values(key).sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const [low = Number.NaN, high = Number.NaN] = [sorted[(sorted.length - 1) >> 1], sorted[middle]];
    return (low + high) / 2;
  }

  least(key: string): number {
    const values = this.values(key);
    return values.length === 0 ? Number.NaN : Math.min(...values);
  }

  most(key: string): number {
    const values = this.values(key);
    return values.length === 0 ? Number.NaN : Math.max(...values);
  }
}

/** The first contestant that fails in a round is out from then on, and the table says so. */
export async function interleave(
  contestants: readonly Contestant[],
  { runs, warmUps }: { readonly runs: number; readonly warmUps: number },
): Promise<Map<string, Series>> {
  const all = new Map(contestants.map(({ name }) => [name, new Series(name)]));
  for (let round = 0; round < warmUps + runs; round += 1) {
    for (const { name, run } of contestants) {
      const series = all.get(name);
      if (series === undefined || series.failure !== undefined) continue;
      process.stderr.write(`  ${round < warmUps ? 'warm-up' : `run ${round - warmUps + 1}`}: ${name}\n`);
      try {
        const measured = await run(round);
        if (round >= warmUps) series.runs.push(measured);
      } catch (error) {
        series.failure = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return all;
}
