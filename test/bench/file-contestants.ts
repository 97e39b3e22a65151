/** Those that download one object to a file. */

import { join } from 'node:path';
import { type Contestant, expectOutput, isInstalled, type Measurement, runCommand, runProgram } from './contestant.js';
import { CONCURRENCY, PART_BYTES, type Stage } from './stage.js';

/** What is downloaded. */
export interface Target {
  readonly url: string;
  readonly size: number;
  /** Path of the certificate to trust. */
  readonly ca?: string | undefined;
  /** Called before each run; what it returns is called after it, and adds to what was measured. */
  readonly prepare?: (round: number) => Promise<() => Promise<Measurement>>;
}

type RunInto = (out: string) => Promise<Measurement>;

export const US = 'partstream';
export const RAW = 'raw sockets';
/** Keeps our promises and does nothing else: every byte checked, nothing blocks the event loop. */
export const LEAST = 'least client';
export const OBS_SDK = 'OBS SDK';
export const ARIA2 = 'aria2 -x16';

/** partstream, with options of downloadFile(). */
export function partstreamFile(
  stage: Stage,
  target: Target,
  options: object = {},
  more: { name?: string; config?: object; nodeFlags?: readonly string[] } = {},
): Contestant {
  const config = { ...configOf(target), options, ...more.config };
  return fileContestant(stage, more.name ?? US, target, (out) =>
    runProgram({ program: 'partstream-file.mjs', config: { ...config, out }, nodeFlags: more.nodeFlags ?? [] }),
  );
}

export function obsSdkFile(stage: Stage, target: Target, more: { name?: string; config?: object } = {}): Contestant {
  return nodeContestant(stage, more.name ?? OBS_SDK, 'obs-sdk-file.mjs', target, more.config);
}

function aria2File(stage: Stage, target: Target): Contestant {
  const trust = target.ca === undefined ? [] : [`--ca-certificate=${target.ca}`];
  // -k1M: its default would not split a small object into 16.
  const args = ['-q', '-x16', '-s16', '-k1M', '--file-allocation=none', '--no-conf', ...trust];
  return fileContestant(stage, ARIA2, target, (out) => runCommand('aria2c', [...args, '-d/', `-o${out}`, target.url]));
}

/** All who can, for the tables where the network is no limit. */
export function allFileContestants(stage: Stage, target: Target): Contestant[] {
  const trust = target.ca === undefined ? [] : ['--cacert', target.ca];
  const contestants = [
    partstreamFile(stage, target),
    nodeContestant(stage, RAW, 'raw-sockets-file.mjs', target),
    nodeContestant(stage, LEAST, 'least-file.mjs', target),
    obsSdkFile(stage, target),
    nodeContestant(stage, 'AWS SDK getObject', 'aws-sdk-file.mjs', target),
    nodeContestant(stage, 'undici loop', 'undici-loop-file.mjs', target),
    fileContestant(stage, 'curl, 1 connection', target, (out) =>
      runCommand('curl', ['-q', '-sS', '--fail', ...trust, '-o', out, target.url]),
    ),
  ];
  return withAria2(stage, target, contestants);
}

export function withAria2(stage: Stage, target: Target, contestants: Contestant[]): Contestant[] {
  if (isInstalled('aria2c')) return [...contestants, aria2File(stage, target)];
  console.error('aria2c is not installed and takes no part; on Debian: apt-get install aria2');
  return contestants;
}

function nodeContestant(stage: Stage, name: string, program: string, target: Target, more: object = {}): Contestant {
  const config = { ...configOf(target), ...more };
  return fileContestant(stage, name, target, (out) => runProgram({ program, config: { ...config, out } }));
}

function configOf({ url, size, ca }: Target): Record<string, unknown> {
  return { url, size, ca, partSize: PART_BYTES, concurrency: CONCURRENCY };
}

function fileContestant(stage: Stage, name: string, target: Target, runInto: RunInto): Contestant {
  return {
    name,
    async run(round) {
      const directory = stage.outDirectory(target.size);
      try {
        const finish = await target.prepare?.(round);
        const out = join(directory.path, 'object.bin');
        const measured = await runInto(out);
        const more = await finish?.();
        await expectOutput(out, stage.objectPath, target.size);
        return { ...measured, ...more };
      } finally {
        directory.remove();
      }
    },
  };
}
