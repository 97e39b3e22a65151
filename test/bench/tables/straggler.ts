/** Twenty equal links, and then the same with one of them at 1 % of its speed. */

import { atMost, type BenchTable, number, spread } from '../bench-table.js';
import { partstreamFile } from '../file-contestants.js';
import { interleave, Series } from '../interleave.js';
import { limitedTarget } from '../limited-target.js';
import { equalLinks, linksWithStraggler } from '../link-server.js';
import { limitedStream } from './stream.js';

const BUDGET = { bufferBytes: 128 * 1024 * 1024 };

export const straggler: BenchTable = {
  name: 'straggler',
  title: 'one connection of twenty at 1 % of its speed',
  async measure(stage) {
    const fileOver = (name: string, ratesOf: (round: number) => number[]) =>
      partstreamFile(stage, limitedTarget(stage, ratesOf), {}, { name });
    const all = await interleave(
      [
        fileOver('file, equal links', equalLinks),
        fileOver('file, one straggler', linksWithStraggler),
        limitedStream(stage, 'stream, equal links', equalLinks, BUDGET),
        limitedStream(stage, 'stream, one straggler', linksWithStraggler, BUDGET),
      ],
      stage.options,
    );
    const of = (name: string) => all.get(name) ?? new Series(name);
    const ratio = (kind: string) =>
      of(`${kind}, one straggler`).median('wallS') / of(`${kind}, equal links`).median('wallS');
    return {
      columns: ['partstream', 's: median (min-max)', 'over-fetch %', 'hedges', 'requests', 'connections'],
      rows: [...all.values()].map((series) => [
        series.name,
        spread(series, 'wallS'),
        number((series.median('bytesSent') / stage.options.limitedSize - 1) * 100),
        number(series.median('hedges')),
        number(series.median('requests')),
        number(series.median('connections')),
      ]),
      figures: [
        atMost('file: time with the straggler over time without', ratio('file'), 1.2),
        atMost('ordered stream, 128 MiB budget: the same', ratio('stream'), 1.6),
      ],
      series: [...all.values()],
    };
  },
};
