/** Opening a download of 1 TiB: time and memory before the first part. */

import { join } from 'node:path';
import { atMost, type BenchTable, number, spread } from '../bench-table.js';
import { runProgram } from '../contestant.js';
import { interleave } from '../interleave.js';
import { equalLinks } from '../link-server.js';
import { PART_BYTES } from '../stage.js';

const OPENED = {
  plan: 'planParts(), parts of 5 MiB',
  sink: 'openCheckpointSink()',
  stream: 'createDownloadStream() until planned',
};

export const plan: BenchTable = {
  name: 'plan',
  title: 'opening a download of 1 TiB',
  async measure(stage) {
    const all = await interleave(
      [
        {
          name: 'partstream',
          async run() {
            const directory = stage.outDirectory();
            try {
              await stage.links.reset({ bytesPerSecond: equalLinks(), latencyMs: 0, size: 2 ** 40 });
              const config = { url: stage.links.url, out: join(directory.path, 'object.bin'), partSize: PART_BYTES };
              return await runProgram({ program: 'partstream-plan.mjs', config, nodeFlags: ['--expose-gc'] });
            } finally {
              directory.remove();
            }
          },
        },
      ],
      stage.options,
    );
    const series = [...all.values()];
    return {
      columns: ['partstream', 'ms: median (min-max)', 'MiB held: median (min-max)', 'parts'],
      rows: series.flatMap((us) =>
        Object.entries(OPENED).map(([key, name]) => [
          name,
          spread(us, `${key}Ms`),
          spread(us, `${key}MiB`),
          number(us.median(`${key}Parts`)),
        ]),
      ),
      figures: series.flatMap((us) =>
        Object.entries(OPENED).flatMap(([key, name]) => [
          atMost(`${name}: time`, us.median(`${key}Ms`), 100, 'ms'),
          atMost(`${name}: memory`, us.median(`${key}MiB`), 16, 'MiB'),
        ]),
      ),
      series,
      notes: [
        'planParts() gives an array of plain objects, 80 bytes each in V8; a download plans lazily and holds none.',
      ],
    };
  },
};
