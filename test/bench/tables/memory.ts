/** What a download holds in memory above an idle process, against the bound that is promised. */

import { join } from 'node:path';
import { atMost, type BenchTable, number } from '../bench-table.js';
import { type Contestant, runProgram } from '../contestant.js';
import { interleave, Series } from '../interleave.js';
import { equalLinks, type LinkScript } from '../link-server.js';
import { CONCURRENCY, MIB, PART_BYTES, type Stage } from '../stage.js';

interface Situation {
  readonly name: string;
  readonly scenario: string;
  readonly concurrency: number;
  readonly partSize: number;
  readonly bufferBytes: number;
  readonly hedge?: boolean;
  /** Undefined: nginx, at full speed. */
  readonly links?: LinkScript;
}

/** Peak RSS may grow by so much more: V8 collects when it likes. */
const PEAK_SLACK_MIB = 60;

export const memory: BenchTable = {
  name: 'memory',
  title: 'memory held above an idle process, MiB',
  async measure(stage) {
    const situations = situationsOf(stage.options.limitedSize);
    const all = await interleave(
      situations.map((situation) => memoryContestant(stage, situation)),
      stage.options,
    );
    const cases = situations.map((situation) => ({
      situation,
      series: all.get(situation.name) ?? new Series(situation.name),
      boundMiB: boundMiB(situation),
    }));
    return {
      columns: ['partstream', 'budget', 'held after a forced collection', 'bound', 'peak RSS', 'bound'],
      rows: cases.map(({ situation, series, boundMiB: bound }) => [
        situation.name,
        number(situation.bufferBytes / MIB),
        series.failure === undefined ? number(series.most('heldMiB')) : 'FAILED',
        number(bound),
        number(series.most('peakRssMiB')),
        number(bound + PEAK_SLACK_MIB),
      ]),
      figures: cases.flatMap(({ situation, series, boundMiB: bound }) => [
        atMost(`${situation.name}: held`, series.most('heldMiB'), bound, 'MiB'),
        atMost(`${situation.name}: peak RSS`, series.most('peakRssMiB'), bound + PEAK_SLACK_MIB, 'MiB'),
      ]),
      series: [...all.values()],
      notes: ['The most of all runs. Bound: 24 MiB + 1.15 x budget + concurrency x 192 KiB; peak RSS 60 MiB more.'],
    };
  },
};

function boundMiB({ bufferBytes, concurrency }: Situation): number {
  return 24 + (1.15 * bufferBytes) / MIB + (concurrency * 192) / 1024;
}

function situationsOf(size: number): Situation[] {
  const usual = { concurrency: CONCURRENCY, partSize: PART_BYTES, bufferBytes: CONCURRENCY * PART_BYTES };
  const few = { concurrency: 8, partSize: MIB, bufferBytes: 8 * MIB };
  return [
    { name: 'file at full speed', scenario: 'file', ...usual },
    { name: 'stream at full speed', scenario: 'stream', ...usual },
    { name: 'stream, reader stopped', scenario: 'stopped', ...usual },
    { name: 'stream, reader at 16 MiB/s', scenario: 'slow', ...usual },
    {
      name: 'stream, head stalled',
      scenario: 'stalled-head',
      ...usual,
      // Or another connection would bring the head after a second.
      hedge: false,
      links: { bytesPerSecond: equalLinks(), latencyMs: 0, size, stall: { connection: 0, afterBytes: 64 * 1024 } },
    },
    {
      name: 'stream, chunks of 1 byte, reader stopped',
      scenario: 'one-byte',
      ...few,
      links: { bytesPerSecond: [Number.MAX_SAFE_INTEGER], latencyMs: 0, size, oneByteChunks: true },
    },
  ];
}

function memoryContestant(stage: Stage, situation: Situation): Contestant {
  const { name, scenario, concurrency, partSize, bufferBytes, hedge = true, links } = situation;
  return {
    name,
    async run() {
      const directory = stage.outDirectory();
      try {
        if (links !== undefined) await stage.links.reset(links);
        const url = links === undefined ? stage.nginx.http + stage.objectUrlPath : stage.links.url;
        const options = { concurrency, partSize, bufferBytes, hedge };
        const config = { scenario, url, options, out: join(directory.path, 'object.bin') };
        return await runProgram({ program: 'partstream-memory.mjs', config, nodeFlags: ['--expose-gc'] });
      } finally {
        directory.remove();
      }
    },
  };
}
