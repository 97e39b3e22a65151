/** The object as an ordered stream, every chunk compared: on loopback, and over twenty links of limited speed. */

import { atLeast, atMost, type BenchTable, number, spread } from '../bench-table.js';
import { type Contestant, runProgram } from '../contestant.js';
import { interleave, Series } from '../interleave.js';
import { equalLinks, idealSeconds, LATENCY_MS } from '../link-server.js';
import type { Stage } from '../stage.js';

const LOOPBACK = 'partstream, loopback';
const PLAIN = 'node:http, 1 connection, loopback';
const LEAST = 'undici, 1 connection, loopback';
const LIMITED = 'partstream, 20 limited links';
const WARM = 'partstream, 20 limited links, second download of its process';

export const stream: BenchTable = {
  name: 'stream',
  title: 'one object over http as an ordered stream',
  async measure(stage) {
    const { size, limitedSize } = stage.options;
    const url = stage.nginx.http + stage.objectUrlPath;
    const ideal = idealSeconds(limitedSize, equalLinks());
    const all = await interleave(
      [
        { name: LOOPBACK, run: () => runProgram({ program: 'partstream-stream.mjs', config: { url, size } }) },
        { name: PLAIN, run: () => runProgram({ program: 'plain-get-stream.mjs', config: { url, size } }) },
        { name: LEAST, run: () => runProgram({ program: 'undici-stream.mjs', config: { url, size } }) },
        limitedStream(stage, LIMITED, equalLinks),
        limitedStream(stage, WARM, equalLinks, {}, url),
      ],
      stage.options,
    );
    const of = (name: string) => all.get(name) ?? new Series(name);
    return {
      columns: ['contestant', 'MiB', 's: median (min-max)', 'CPU s', 'peak RSS MiB', 'ms to first byte', 'requests'],
      rows: [...all.values()].map((series) => [
        series.name,
        number((series.name.includes('limited') ? limitedSize : size) / 2 ** 20),
        spread(series, 'wallS'),
        number(series.median('cpuS')),
        number(series.median('peakRssMiB')),
        number(series.median('firstByteMs')),
        number(series.median('requests')),
      ]),
      figures: [
        atLeast(
          'speed of one node:http connection',
          of(PLAIN).median('wallS') / of(LOOPBACK).median('wallS'),
          0.85,
          'x',
          of(PLAIN).median('wallS') / of(LEAST).median('wallS'),
        ),
        atMost('time of the sum of 20 links', of(LIMITED).median('wallS') / ideal, 1.35),
        atMost(
          'first byte, in round trips (one, and less than another for the code)',
          of(WARM).median('firstByteMs') / LATENCY_MS,
          2,
          'round trips',
        ),
      ],
      series: [...all.values()],
      notes: [
        `20 limited links: the sum of the links would take ${number(ideal)} s; a round trip takes ${LATENCY_MS} ms.`,
      ],
    };
  },
};

/** partstream as an ordered stream over the link server. */
export function limitedStream(
  { links, options: { limitedSize: size } }: Stage,
  name: string,
  ratesOf: (round: number) => number[],
  options: object = {},
  warmUrl?: string,
): Contestant {
  return {
    name,
    async run(round) {
      await links.reset({ bytesPerSecond: ratesOf(round), latencyMs: LATENCY_MS, size });
      const config = { url: links.url, size, options, warmUrl };
      return { ...(await runProgram({ program: 'partstream-stream.mjs', config })), ...(await links.stats()) };
    },
  };
}
