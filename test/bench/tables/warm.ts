/**
 * What comes once in a process, compiling above all: its first download over http, and the fourth. And the first one
 * with V8's optimizing compilers off: what is left when nothing is compiled but by the baseline ones.
 */

import { type BenchTable, number, spread } from '../bench-table.js';
import { OBS_SDK, obsSdkFile, partstreamFile, US } from '../file-contestants.js';
import { interleave } from '../interleave.js';
import { httpTarget } from './file.js';

const WARM = { downloadsBefore: 3 };
const UNOPTIMIZED = ['--no-opt', '--liftoff-only'];

export const warm: BenchTable = {
  name: 'warm',
  title: 'the first download of a process, and its fourth',
  async measure(stage) {
    const target = httpTarget(stage);
    const all = await interleave(
      [
        partstreamFile(stage, target, {}, { name: `${US}, first` }),
        partstreamFile(stage, target, {}, { name: `${US}, fourth`, config: WARM }),
        partstreamFile(stage, target, {}, { name: `${US}, first, nothing optimized`, nodeFlags: UNOPTIMIZED }),
        obsSdkFile(stage, target, { name: `${OBS_SDK}, first` }),
        obsSdkFile(stage, target, { name: `${OBS_SDK}, fourth`, config: WARM }),
      ],
      stage.options,
    );
    const series = [...all.values()];
    return {
      columns: ['download', 's: median (min-max)', 'CPU s'],
      rows: series.map((one) => [one.name, spread(one, 'wallS'), number(one.median('cpuS'))]),
      figures: [],
      series,
    };
  },
};
