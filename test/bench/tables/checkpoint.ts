/** What recording costs: the same download with a checkpoint and without. */

import { atMost, type BenchTable, number, spread } from '../bench-table.js';
import { partstreamFile } from '../file-contestants.js';
import { interleave, Series } from '../interleave.js';
import { httpTarget } from './file.js';

export const checkpoint: BenchTable = {
  name: 'checkpoint',
  title: 'recording on and off',
  async measure(stage) {
    const target = httpTarget(stage);
    const [on, off] = ['checkpoint on', 'checkpoint off'];
    const all = await interleave(
      [
        partstreamFile(stage, target, { checkpoint: true }, { name: on }),
        partstreamFile(stage, target, { checkpoint: false }, { name: off }),
      ],
      stage.options,
    );
    const wallOf = (name = '') => (all.get(name) ?? new Series(name)).median('wallS');
    return {
      columns: ['partstream', 's: median (min-max)', 'CPU s', 'peak RSS MiB'],
      rows: [...all.values()].map((series) => [
        series.name,
        spread(series, 'wallS'),
        number(series.median('cpuS')),
        number(series.median('peakRssMiB')),
      ]),
      figures: [atMost('time with recording over time without', wallOf(on) / wallOf(off), 1.05)],
      series: [...all.values()],
    };
  },
};
