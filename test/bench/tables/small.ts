/** Many small objects, one after the other and sixteen at a time: what a download costs besides its bytes. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { atLeast, atMost, type BenchTable, number, spread } from '../bench-table.js';
import { type Contestant, runProgram } from '../contestant.js';
import { interleave, Series } from '../interleave.js';
import { SMALL_BYTES, type Stage } from '../stage.js';

const PROGRAMS = {
  partstream: 'partstream-small.mjs',
  'OBS SDK': 'obs-sdk-small.mjs',
  'undici loop': 'undici-small.mjs',
  'least client': 'least-small.mjs',
};

export const small: BenchTable = {
  name: 'small',
  title: `small objects of ${SMALL_BYTES / 1024} KiB over http to files`,
  async measure(stage) {
    const count = stage.options.smallObjects;
    const nameOf = (program: string, atOnce: number) => `${program}, ${atOnce} at a time`;
    const contestants = [1, 16].flatMap((atOnce) =>
      Object.entries(PROGRAMS).map(([name, program]) => smallContestant(stage, nameOf(name, atOnce), program, atOnce)),
    );
    const all = await interleave(contestants, stage.options);
    const of = (program: string, atOnce: number) =>
      all.get(nameOf(program, atOnce)) ?? new Series(nameOf(program, atOnce));
    const faster = (text: string, program: string, atOnce: number, limit: number) => {
      const [theirs, ours, least] = [program, 'partstream', 'least client'].map((name) =>
        of(name, atOnce).median('wallS'),
      ) as [number, number, number];
      return atLeast(`${atOnce} at a time: ${text}`, theirs / ours, limit, 'x', theirs / least);
    };
    return {
      columns: [
        'contestant',
        's: median (min-max)',
        'ms per object',
        'CPU s',
        'peak RSS MiB',
        'requests per object',
        'connections',
      ],
      rows: [...all.values()].map((series) => [
        series.name,
        spread(series, 'wallS'),
        number((series.median('wallS') * 1000) / count),
        number(series.median('cpuS')),
        number(series.median('peakRssMiB')),
        number(series.median('requests') / count),
        number(series.median('connections')),
      ]),
      figures: [1, 16].flatMap((atOnce) => [
        atMost(`${atOnce} at a time: requests per object`, of('partstream', atOnce).median('requests') / count, 1, ''),
        faster('faster than the OBS SDK', 'OBS SDK', atOnce, 2),
        faster('speed of a bare undici loop', 'undici loop', atOnce, 0.8),
      ]),
      series: [...all.values()],
      notes: [`${count} objects.`],
    };
  },
};

function smallContestant(stage: Stage, name: string, program: string, atOnce: number): Contestant {
  const count = stage.options.smallObjects;
  return {
    name,
    async run() {
      const directory = stage.outDirectory();
      try {
        const url = stage.nginx.http + stage.smallUrlPath;
        const measured = await runProgram({ program, config: { url, out: directory.path, count, atOnce } });
        for (let index = 0; index < count; index += 1) {
          if (!readFileSync(join(directory.path, String(index))).equals(stage.smallObject(index))) {
            throw new Error(`WRONG OUTPUT: small object ${index}`);
          }
        }
        return measured;
      } finally {
        directory.remove();
      }
    },
  };
}
