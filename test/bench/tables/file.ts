/** One object from nginx on loopback to a file on a tmpfs: what the code costs when the network costs nothing. */

import { atLeast, atMost, type BenchTable, type Figure, number, spread, type TableResult } from '../bench-table.js';
import { ARIA2, allFileContestants, LEAST, OBS_SDK, RAW, type Target, US } from '../file-contestants.js';
import { interleave, Series } from '../interleave.js';
import type { Stage } from '../stage.js';

export const httpFile: BenchTable = {
  name: 'http-file',
  title: 'one object over http to a new file',
  measure(stage) {
    return measureFile(stage, httpTarget(stage), [
      { text: 'speed of raw net sockets', over: RAW, key: 'wallS', limit: 0.75 },
      { text: 'faster than the OBS SDK', over: OBS_SDK, key: 'wallS', limit: 1.6 },
      { text: 'faster than aria2 -x16', over: ARIA2, key: 'wallS', limit: 1 },
      { text: 'CPU of the OBS SDK', over: OBS_SDK, key: 'cpuS', limit: 0.6 },
    ]);
  },
};

export const httpsFile: BenchTable = {
  name: 'https-file',
  title: 'one object over https to a new file',
  measure(stage) {
    return measureFile(stage, httpsTarget(stage), [
      { text: 'speed of raw tls sockets', over: RAW, key: 'wallS', limit: 0.65 },
      { text: 'faster than the OBS SDK', over: OBS_SDK, key: 'wallS', limit: 1.8 },
      { text: 'CPU of the OBS SDK', over: OBS_SDK, key: 'cpuS', limit: 0.58 },
    ]);
  },
};

export function httpTarget({ nginx, objectUrlPath, options: { size } }: Stage): Target {
  return { url: nginx.http + objectUrlPath, size };
}

export function httpsTarget({ nginx, objectUrlPath, options: { size } }: Stage): Target {
  return { url: nginx.https + objectUrlPath, size, ca: nginx.ca };
}

/** Against somebody: as a speed, or as CPU. */
interface Aim {
  readonly text: string;
  readonly over: string;
  readonly key: 'wallS' | 'cpuS';
  readonly limit: number;
}

async function measureFile(stage: Stage, target: Target, aims: readonly Aim[]): Promise<TableResult> {
  const all = await interleave(allFileContestants(stage, target), stage.options);
  const of = (name: string) => all.get(name) ?? new Series(name);
  const us = of(US);
  const figureOf = ({ text, over, key, limit }: Aim): Figure => {
    const [theirs, ours, least] = [over, US, LEAST].map((name) => of(name).median(key)) as [number, number, number];
    if (key === 'wallS') return atLeast(text, theirs / ours, limit, 'x', theirs / least);
    return atMost(text, ours / theirs, limit, 'x', least / theirs);
  };
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
    figures: [...aims.map(figureOf), atMost('over-fetch', overFetch(us), 1, '%')],
    series: [...all.values()],
  };
}
