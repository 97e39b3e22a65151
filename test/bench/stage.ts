/** Everything that stands while tables are measured: a directory, the object, nginx, the link server. */

import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchOptions } from './bench-options.js';
import { type LinkServer, startLinkServer } from './link-server.js';
import { type Nginx, startNginx, stopNginx } from './nginx.js';
import { viewBytes } from './object-bytes.mjs';

export const MIB: number = 1024 * 1024;
export const PART_BYTES: number = 5 * MIB;
export const CONCURRENCY = 20;
export const SMALL_BYTES: number = 100 * 1024;

export interface Stage {
  readonly options: BenchOptions;
  readonly nginx: Nginx;
  readonly links: LinkServer;
  /** The object that nginx serves; what any server of the benchmark serves is the beginning of it. */
  readonly objectPath: string;
  /** Below nginx.http and nginx.https. */
  readonly objectUrlPath: '/bench/object.bin';
  readonly smallUrlPath: '/bench/small';
  /** The bytes of one small object. */
  smallObject(index: number): Buffer;
  /** A new, empty directory for one run that may write `byteCount` bytes; `remove` it afterwards. */
  outDirectory(byteCount?: number): { readonly path: string; remove(): void };
  close(): Promise<void>;
}

export async function openStage(options: BenchOptions): Promise<Stage> {
  const directory = mkdtempSync(join(options.directory, 'partstream-bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  const root = join(directory, 'root');
  const objectPath = join(root, 'bench', 'object.bin');
  mkdirSync(join(root, 'bench', 'small'), { recursive: true });
  writeObject(objectPath, 0, options.size);
  // Every small object begins somewhere else, so that one cannot be taken for another.
  const placeOf = (index: number) => (index + 1) * SMALL_BYTES;
  for (let index = 0; index < options.smallObjects; index += 1) {
    writeObject(join(root, 'bench', 'small', String(index)), placeOf(index), SMALL_BYTES);
  }
  const nginx = await startNginx(root, directory);
  process.once('exit', () => nginx.child.kill());
  const links = await startLinkServer();
  let outs = 0;
  return {
    options,
    nginx,
    links,
    objectPath,
    objectUrlPath: '/bench/object.bin',
    smallUrlPath: '/bench/small',
    smallObject: (index) => viewBytes(placeOf(index), placeOf(index) + SMALL_BYTES),
    outDirectory(byteCount = 0) {
      outs += 1;
      const path = join(directory, `out-${outs}`);
      mkdirSync(path);
      if (byteCount > 0) wakeMemory(path, byteCount);
      return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
    },
    async close() {
      links.close();
      await stopNginx(nginx);
      remove();
    },
  };
}

function writeObject(path: string, from: number, size: number): void {
  const file = openSync(path, 'wx');
  for (let at = 0; at < size; ) at += writeSync(file, viewBytes(from + at, from + size));
  closeSync(file);
}

/**
 * Writes and removes a file. The host of a virtual machine takes back memory that was free for seconds, and whoever
 * writes there first pays for that: a third of a run, and always the same contestant.
 */
function wakeMemory(directory: string, byteCount: number): void {
  const path = join(directory, 'wake');
  const file = openSync(path, 'wx');
  const zeros = Buffer.alloc(MIB);
  for (let at = 0; at < 1.25 * byteCount; at += MIB) writeSync(file, zeros);
  closeSync(file);
  rmSync(path);
}
