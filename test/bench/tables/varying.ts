/** Links as they are: every connection of its own speed, and one of twenty very slow. Scheduling is what counts here. */

import { atLeast, atMost, type BenchTable, number, spread } from '../bench-table.js';
import { OBS_SDK, obsSdkFile, partstreamFile, US, withAria2 } from '../file-contestants.js';
import { interleave, Series } from '../interleave.js';
import { limitedTarget } from '../limited-target.js';
import { LATENCY_MS, lognormalLinks } from '../link-server.js';

export const varying: BenchTable = {
  name: 'varying',
  title: 'links of lognormal speed, 5 % of them twenty times slower',
  async measure(stage) {
    const target = limitedTarget(stage, lognormalLinks);
    const contestants = withAria2(stage, target, [partstreamFile(stage, target), obsSdkFile(stage, target)]);
    const all = await interleave(contestants, stage.options);
    for (const { runs } of all.values()) {
      for (const run of runs) run.timesIdeal = (run.wallS ?? Number.NaN) / (run.idealS ?? Number.NaN);
    }
    const us = all.get(US) ?? new Series(US);
    const sdk = all.get(OBS_SDK) ?? new Series(OBS_SDK);
    const overFetch = (series: Series) => (series.median('bytesSent') / target.size - 1) * 100;
    return {
      columns: [
        'contestant',
        's: median (min-max)',
        'time / ours',
        'time / sum of 20 links',
        'over-fetch %',
        'requests',
        'connections',
      ],
      rows: [...all.values()].map((series) => [
        series.name,
        spread(series, 'wallS'),
        number(series.median('wallS') / us.median('wallS')),
        spread(series, 'timesIdeal'),
        number(overFetch(series)),
        number(series.median('requests')),
        number(series.median('connections')),
      ]),
      figures: [
        atLeast('faster than the OBS SDK', sdk.median('wallS') / us.median('wallS'), 6),
        atMost('time of the sum of the links', us.median('timesIdeal'), 1.25),
        atMost('over-fetch, as the server counts', overFetch(us), 3, '%'),
      ],
      series: [...all.values()],
      notes: [
        `${number(target.size / 2 ** 20)} MiB, ${LATENCY_MS} ms to the first byte of every response. Each round has links of its own, the same for everybody.`,
      ],
    };
  },
};
