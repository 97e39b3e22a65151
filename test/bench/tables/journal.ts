/** Whether a longer journal costs more per part: the sink alone, fed with parts in the worst order. */

import { join } from 'node:path';
import { atMost, type BenchTable, number, spread } from '../bench-table.js';
import { type Contestant, runProgram } from '../contestant.js';
import { interleave, Series } from '../interleave.js';
import type { Stage } from '../stage.js';

export const journal: BenchTable = {
  name: 'journal',
  title: 'the checkpoint sink alone, parts of 1 MiB in scattered order, data writes left out',
  async measure(stage) {
    const counts = stage.options.journalParts;
    const all = await interleave(
      counts.map((parts) => journalContestant(stage, parts)),
      stage.options,
    );
    const of = (parts = 0) => all.get(nameOf(parts)) ?? new Series(nameOf(parts));
    const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
    return {
      columns: [
        'partstream',
        'us per part: median (min-max)',
        'CPU us per part',
        'journal writes',
        'us per journal write',
        'journal KiB',
        'bytes per part',
        'peak RSS MiB',
      ],
      rows: counts.map((parts) => {
        const series = of(parts);
        return [
          series.name,
          spread(series, 'perPartUs'),
          number((series.median('cpuS') / parts) * 1e6),
          number(series.median('journalWrites')),
          number((series.median('journalMs') / series.median('journalWrites')) * 1000),
          number(series.median('journalBytes') / 1024),
          number(series.median('journalBytes') / parts),
          number(series.median('peakRssMiB')),
        ];
      }),
      figures: [
        atMost(
          `time per part, ${most} parts over ${fewest}`,
          of(most).median('perPartUs') / of(fewest).median('perPartUs'),
          1.1,
        ),
        atMost(`journal of ${most} parts`, of(most).median('journalBytes') / 2 ** 20, 8, 'MiB'),
      ],
      series: [...all.values()],
      notes: ['The time per part includes the CRC of its MiB, which is most of it.'],
    };
  },
};

function nameOf(parts: number): string {
  return `${parts} parts`;
}

function journalContestant(stage: Stage, parts: number): Contestant {
  return {
    name: nameOf(parts),
    async run() {
      const directory = stage.outDirectory();
      try {
        const config = { parts, out: join(directory.path, 'object.bin') };
        const measured = await runProgram({ program: 'partstream-journal.mjs', config });
        return { ...measured, perPartUs: ((measured.wallS ?? Number.NaN) / parts) * 1e6 };
      } finally {
        directory.remove();
      }
    },
  };
}
