/** One object from nginx on loopback to a file on a tmpfs: what the code costs when the network costs nothing. */

import { atLeast, atMost, type BenchTable, type Figure, number, spread, type TableResult } from '../bench-table.js';
import { ARIA2, allFileContestants, OBS_SDK, RAW, type Target, US } from '../file-contestants.js';
import { interleave, Series } from '../interleave.js';
import type { Stage } from '../stage.js';

export const httpFile: BenchTable = {
  name: 'http-file',
  title: 'one object over http to a new file',
  measure(stage) {
    return measureFile(stage, httpTarget(stage), (ratio) => [
      atLeast('speed of raw net sockets', ratio(RAW, US, 'wallS'), 0.75),
      atLeast('faster than the OBS SDK', ratio(OBS_SDK, US, 'wallS'), 1.6),
      atLeast('faster than aria2 -x16', ratio(ARIA2, US, 'wallS'), 1),
      atMost('CPU of the OBS SDK', ratio(US, OBS_SDK, 'cpuS'), 0.6),
    ]);
  },
};

export const httpsFile: BenchTable = {
  name: 'https-file',
  title: 'one object over https to a new file',
  measure(stage) {
    return measureFile(stage, httpsTarget(stage), (ratio) => [
      atLeast('speed of raw tls sockets', ratio(RAW, US, 'wallS'), 0.65),
      atLeast('faster than the OBS SDK', ratio(OBS_SDK, US, 'wallS'), 1.8),
      atMost('CPU of the OBS SDK', ratio(US, OBS_SDK, 'cpuS'), 0.58),
    ]);
  },
};

export function httpTarget({ nginx, objectUrlPath, options: { size } }: Stage): Target {
  return { url: nginx.http + objectUrlPath, size };
}

export function httpsTarget({ nginx, objectUrlPath, options: { size } }: Stage): Target {
  return { url: nginx.https + objectUrlPath, size, ca: nginx.ca };
}

type Ratio = (above: string, below: string, key: string) => number;

async function measureFile(stage: Stage, target: Target, figures: (ratio: Ratio) => Figure[]): Promise<TableResult> {
  const all = await interleave(allFileContestants(stage, target), stage.options);
  const of = (name: string) => all.get(name) ?? new Series(name);
  const us = of(US);
  const overFetch = (series: Series) => (series.median('receivedBytes') / target.size - 1) * 100;
  return {
    columns: [
      'contestant',
      's: median (min-max)',
      'time / ours',
      'CPU s/GiB',
      'peak RSS MiB',
      'over-fetch %',
      'requests',
      'connections',
    ],
    rows: [...all.values()].map((series) => [
      series.name,
      spread(series, 'wallS'),
      number(series.median('wallS') / us.median('wallS')),
      number((series.median('cpuS') / target.size) * 2 ** 30),
      number(series.median('peakRssMiB')),
      number(overFetch(series)),
      number(series.median('requests')),
      number(series.median('connections')),
    ]),
    figures: [
      ...figures((above, below, key) => of(above).median(key) / of(below).median(key)),
      atMost('over-fetch', overFetch(us), 1, '%'),
    ],
    series: [...all.values()],
  };
}
