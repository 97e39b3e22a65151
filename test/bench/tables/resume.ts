/** Killed at about half with SIGKILL and run again: how many bytes are fetched twice. */

import { once } from 'node:events';
import { join } from 'node:path';
import { atMost, type BenchTable, number, spread } from '../bench-table.js';
import { type Contestant, expectOutput, runProgram, startProgram } from '../contestant.js';
import { OBS_SDK, US } from '../file-contestants.js';
import { interleave, Series } from '../interleave.js';
import { equalLinks, LATENCY_MS } from '../link-server.js';
import { CONCURRENCY, MIB, PART_BYTES, type Stage } from '../stage.js';

const PROGRAMS = { [US]: 'partstream-file.mjs', [OBS_SDK]: 'obs-sdk-file.mjs' };
/** The worst case needs more runs than a median does. */
const RUNS_PER_RUN = 2;

export const resume: BenchTable = {
  name: 'resume',
  title: 'killed at half and run again',
  async measure(stage) {
    const { limitedSize, runs } = stage.options;
    const contestants = Object.entries(PROGRAMS).map(([name, program]) => resumeContestant(stage, name, program));
    const all = await interleave(contestants, { runs: runs * RUNS_PER_RUN, warmUps: 0 });
    const us = all.get(US) ?? new Series(US);
    return {
      columns: ['contestant', 'MiB fetched twice: median (min-max)', 'MiB sent before the kill', 'runs'],
      rows: [...all.values()].map((series) => [
        series.name,
        spread(series, 'twiceMiB'),
        number(series.median('beforeMiB')),
        number(series.runs.length),
      ]),
      figures: [
        atMost('fetched twice, median', us.median('twiceMiB'), 16, 'MiB'),
        atMost('fetched twice, worst', us.most('twiceMiB'), 24, 'MiB'),
      ],
      series: [...all.values()],
      notes: [
        `${number(limitedSize / MIB)} MiB, ${CONCURRENCY} x ${PART_BYTES / MIB} MiB over equal links; as the server counts, so that bytes on their way to the killed process are in it.`,
      ],
    };
  },
};

function resumeContestant(stage: Stage, name: string, program: string): Contestant {
  const { links } = stage;
  const size = stage.options.limitedSize;
  return {
    name,
    async run(round) {
      const directory = stage.outDirectory();
      try {
        const out = join(directory.path, 'object.bin');
        const config = { url: links.url, size, out, partSize: PART_BYTES, concurrency: CONCURRENCY };
        const script = { bytesPerSecond: equalLinks(), latencyMs: LATENCY_MS, size };
        // Another moment in each round: between 45 % and 55 %.
        const tellAtBytes = Math.floor(size * (0.45 + 0.1 * ((round * 0.618) % 1)));
        const { reached } = await links.reset({ ...script, tellAtBytes });
        const child = startProgram({ program, config });
        const ended = once(child, 'close').then(() => true);
        if ((await Promise.race([reached, ended])) === true) throw new Error('it ended before it could be killed');
        child.kill('SIGKILL');
        await ended;
        const { bytesSent: before } = await links.stats();
        await links.reset(script);
        const measured = await runProgram({ program, config });
        const { bytesSent: after } = await links.stats();
        await expectOutput(out, stage.objectPath, size);
        return { ...measured, beforeMiB: before / MIB, twiceMiB: (before + after - size) / MIB };
      } finally {
        directory.remove();
      }
    },
  };
}
