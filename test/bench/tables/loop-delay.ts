/** Whether a download at full speed leaves the host's event loop alone, with a checksum of every byte. */

import { closeSync, openSync, readSync } from 'node:fs';
import { createCRC64 } from 'hash-wasm';
import { atMost, type BenchTable, number, spread } from '../bench-table.js';
import { partstreamFile } from '../file-contestants.js';
import { interleave } from '../interleave.js';
import { httpTarget } from './file.js';

/** CRC-64/XZ, which OBS calls crc64ecma. */
const POLYNOMIAL = 'c96c5795d7870f42';

export const loopDelay: BenchTable = {
  name: 'loop-delay',
  title: 'delay of the event loop while downloading with crc64ecma verification, ms',
  async measure(stage) {
    const target = httpTarget(stage);
    const value = await crc64ecma(stage.objectPath);
    const verified = { expectedChecksum: { algorithm: 'crc64ecma', value } };
    const all = await interleave(
      [partstreamFile(stage, target, verified, { config: { loopDelay: true } })].map(({ name, run }) => ({
        name,
        async run(round: number) {
          const measured = await run(round);
          if (measured.isVerified !== 1) throw new Error('nothing was verified');
          return measured;
        },
      })),
      stage.options,
    );
    const series = [...all.values()];
    return {
      columns: ['contestant', 'p99: median (min-max)', 'longest: median (min-max)', 's', 'MiB/s'],
      rows: series.map((us) => [
        us.name,
        spread(us, 'delayP99Ms'),
        spread(us, 'delayMaxMs'),
        number(us.median('wallS')),
        number(target.size / 2 ** 20 / us.median('wallS')),
      ]),
      figures: series.map((us) => atMost('p99 of the delay', us.median('delayP99Ms'), 20, 'ms')),
      series,
    };
  },
};

async function crc64ecma(path: string): Promise<string> {
  const hash = await createCRC64(POLYNOMIAL);
  const file = openSync(path, 'r');
  const bytes = Buffer.alloc(1024 * 1024);
  for (let count = readSync(file, bytes); count > 0; count = readSync(file, bytes))
    hash.update(bytes.subarray(0, count));
  closeSync(file);
  return hash.digest('hex');
}
