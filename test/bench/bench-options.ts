/** The command line of the benchmark. Refuses words that it does not know. */

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

const MIB = 1024 * 1024;

export interface BenchOptions {
  /** Names of tables; all of them when empty. */
  readonly tables: readonly string[];
  /** Counted runs of every contestant, after one that is not. */
  readonly runs: number;
  readonly warmUps: number;
  /** Bytes of the object on loopback. */
  readonly size: number;
  /** Bytes of the object on links of limited speed: at most 256 MiB. */
  readonly limitedSize: number;
  /** Parts of the journal table. */
  readonly journalParts: readonly number[];
  readonly smallObjects: number;
  /** Where the object and all outputs are: a tmpfs, or the disk is what is measured. */
  readonly directory: string;
  readonly jsonPath: string | undefined;
  /** The table whose partstream contestant is profiled. */
  readonly profile: string | undefined;
}

export const USAGE = `npm run bench -- [table ...] [options]
  --runs N        counted runs of every contestant (5)
  --warm-ups N    runs before those (1)
  --size SIZE     bytes of the object, such as 64MiB (1GiB)
  --parts LIST    parts of the journal table (1000,10000,100000)
  --small N       small objects (500)
  --dir PATH      where to work (/dev/shm)
  --json FILE     all measurements as JSON
  --profile TABLE profile partstream in that table instead, and print where the time goes`;

export function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '5' },
      'warm-ups': { type: 'string', default: '1' },
      size: { type: 'string', default: '1GiB' },
      parts: { type: 'string', default: '1000,10000,100000' },
      small: { type: 'string', default: '500' },
      dir: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const size = byteCount(values.size);
  return {
    tables: positionals,
    runs: wholeNumber('--runs', values.runs, 1),
    warmUps: wholeNumber('--warm-ups', values['warm-ups'], 0),
    size,
    limitedSize: Math.min(size, 256 * MIB),
    journalParts: values.parts.split(',').map((text) => wholeNumber('--parts', text, 1)),
    smallObjects: wholeNumber('--small', values.small, 1),
    directory: values.dir,
    jsonPath: values.json,
    profile: values.profile,
  };
}

function byteCount(text: string): number {
  const [, digits, unit = ''] = /^(\d+)(|KiB|MiB|GiB)$/.exec(text) ?? [];
  const factor = { '': 1, KiB: 1024, MiB: MIB, GiB: 1024 * MIB }[unit];
  if (digits === undefined || factor === undefined) throw new Error(`--size ${text}: expected one such as 64MiB`);
  return Number(digits) * factor;
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new Error(`${option} ${text}: expected a whole number from ${least}`);
  }
  return value;
}
