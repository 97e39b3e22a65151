/**
 * A file system in memory that can lose its power: what was synced survives, of the rest any subset does, torn at
 * pages of 4 KiB. Files and one directory, no more than the sink needs.
 */

import { constants } from 'node:fs';
import type { Destination } from '../../src/sink/destination.js';
import type { FileOps, FileStatus, OpenFile } from '../../src/sink/file-ops.js';
import type { DestinationLock } from '../../src/sink/lock.js';
import { systemError } from './faulty-file-ops.js';

const PAGE_BYTES = 4096;

/** A place in that directory. */
export const destination = {
  path: '/d/f',
  partPath: '/d/f.part',
  checkpointPath: '/d/f.part.checkpoint',
  besideCheckpointPath: '/d/f.part.checkpoint',
  lockPath: '/d/lock',
  hadTraces: false,
} satisfies Destination;

/** A lock that is never lost, and is not on any disk. */
export function heldLock(): DestinationLock {
  const check = async () => undefined;
  return { path: destination.path, compromised: new AbortController().signal, check, leave: () => {}, release: check };
}

type Change = { readonly position: number; readonly bytes: Buffer } | { readonly length: number };
type NameChange = ReadonlyMap<string, Inode | undefined>;

/** The bytes of a file, changed in place. */
class Image {
  #bytes: Buffer;
  #length: number;

  constructor(content: Buffer) {
    this.#bytes = Buffer.from(content);
    this.#length = content.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  apply(change: Change): void {
    if ('length' in change) this.#resize(change.length);
    else {
      this.#resize(Math.max(this.#length, change.position + change.bytes.length));
      change.bytes.copy(this.#bytes, change.position);
    }
  }

  #resize(length: number): void {
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * length);
      this.bytes.copy(larger);
      this.#bytes = larger;
    } else if (length > this.#length) this.#bytes.fill(0, this.#length, length);
    this.#length = length;
  }
}

class Inode {
  readonly number: bigint;
  /** What is on the platters. */
  durable: Image;
  /** What came since, in order. */
  pending: Change[] = [];
  /** What a reader sees. */
  current: Image;

  constructor(number: bigint, content: Buffer) {
    this.number = number;
    this.durable = new Image(content);
    this.current = new Image(content);
  }

  change(change: Change): void {
    this.pending.push(change);
    this.current.apply(change);
  }

  sync(): void {
    for (const change of this.pending.splice(0)) this.durable.apply(change);
  }

  loseUnsynced(random: () => number): void {
    for (const change of this.pending.splice(0)) loseSome(this.durable, change, random);
    this.current = new Image(this.durable.bytes);
  }
}

/** Random numbers in [0, 1) that a seed repeats. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

export class PowerLossFileSystem {
  #names: Map<string, Inode> = new Map();
  #durableNames: Map<string, Inode> = new Map();
  #pendingNames: NameChange[] = [];
  #inodeCount = 0n;
  /** Calls that still work; then the power is gone. */
  callsLeft: number = Number.POSITIVE_INFINITY;
  calls = 0;

  /** A file that is there, on disk. */
  put(path: string, content: Buffer): void {
    const inode = this.#newInode(content);
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  read(path: string): Buffer | undefined {
    return this.#names.get(path)?.current.bytes;
  }

  /** The power goes and comes back. */
  restart(random: () => number): void {
    const names = new Map(this.#durableNames);
    // Either the changes of names that are lost are the last ones, or any of them.
    const kept = random() < 0.5 ? Math.floor(random() * (this.#pendingNames.length + 1)) : undefined;
    for (const [index, change] of this.#pendingNames.entries()) {
      if (kept === undefined ? random() < 0.5 : index >= kept) continue;
      for (const [path, inode] of change) inode === undefined ? names.delete(path) : names.set(path, inode);
    }
    for (const inode of new Set([...this.#names.values(), ...names.values()])) inode.loseUnsynced(random);
    this.#names = names;
    this.#durableNames = new Map(names);
    this.#pendingNames = [];
    this.callsLeft = Number.POSITIVE_INFINITY;
  }

  #newInode(content: Buffer): Inode {
    this.#inodeCount += 1n;
    return new Inode(this.#inodeCount, content);
  }

  #call(): void {
    this.calls += 1;
    this.callsLeft -= 1;
    if (this.callsLeft < 0) throw systemError('EIO');
  }

  #find(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw systemError('ENOENT');
    return inode;
  }

  #rename(change: NameChange): void {
    for (const [path, inode] of change) inode === undefined ? this.#names.delete(path) : this.#names.set(path, inode);
    this.#pendingNames.push(change);
  }

  #status(inode: Inode): FileStatus {
    return {
      dev: 1n,
      ino: inode.number,
      nlink: BigInt([...this.#names.values()].filter((named) => named === inode).length),
      uid: BigInt(process.getuid?.() ?? 0),
      mode: 0o600n,
      size: BigInt(inode.current.bytes.length),
      blocks: BigInt(Math.ceil(inode.current.bytes.length / 512)),
      mtimeMs: 0n,
      isFile: () => true,
      isDirectory: () => false,
      isSymbolicLink: () => false,
    };
  }

  #open(inode: Inode): OpenFile {
    const run = async <T>(work: () => T): Promise<T> => {
      this.#call();
      return work();
    };
    const sync = () => run(() => inode.sync());
    return {
      write: (buffers, position) => run(() => inode.change({ position, bytes: Buffer.concat(buffers) })),
      read: (bytes, position) => run(() => inode.current.bytes.copy(bytes, 0, position)),
      datasync: sync,
      makeReadable: async () => undefined,
      sync,
      truncate: (length) => run(() => inode.change({ length })),
      status: () => run(() => this.#status(inode)),
      close: () => run(() => undefined),
    };
  }

  #directory(): OpenFile {
    const sync = async () => {
      this.#call();
      this.#durableNames = new Map(this.#names);
      this.#pendingNames = [];
    };
    return { sync, close: async () => undefined } as OpenFile;
  }

  readonly ops: FileOps = {
    open: async (path, flags) => {
      this.#call();
      if (path === '/d') return this.#directory();
      if ((flags & constants.O_CREAT) === 0) return this.#open(this.#find(path));
      if (this.#names.has(path)) throw systemError('EEXIST');
      const inode = this.#newInode(Buffer.alloc(0));
      this.#rename(new Map([[path, inode]]));
      return this.#open(inode);
    },
    status: async (path) => this.ops.linkStatus(path),
    linkStatus: async (path) => {
      this.#call();
      return this.#status(this.#find(path));
    },
    rename: async (from, to) => {
      this.#call();
      this.#rename(
        new Map([
          [to, this.#find(from)],
          [from, undefined],
        ]),
      );
    },
    link: async (from, to) => {
      this.#call();
      if (this.#names.has(to)) throw systemError('EEXIST');
      this.#rename(new Map([[to, this.#find(from)]]));
    },
    unlink: async (path) => {
      this.#call();
      this.#find(path);
      this.#rename(new Map([[path, undefined]]));
    },
    freeBytes: async () => Number.POSITIVE_INFINITY,
    realPath: notNeeded,
    checkWritable: notNeeded,
    list: notNeeded,
    makeDirectory: notNeeded,
    removeDirectory: notNeeded,
    setTimes: notNeeded,
    unlinkNow: () => undefined,
    removeDirectoryNow: () => undefined,
  };
}

async function notNeeded(): Promise<never> {
  throw systemError('ENOSYS');
}

/** A change that was never synced: it is lost, or there, or only some of its pages are. */
function loseSome(image: Image, change: Change, random: () => number): void {
  const luck = random();
  if (luck < 0.3) return;
  if (luck < 0.7 || 'length' in change) {
    image.apply(change);
    return;
  }
  const { position, bytes } = change;
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + PAGE_BYTES - ((position + from) % PAGE_BYTES));
    if (random() < 0.5 && to - from < bytes.length) {
      image.apply({ position: position + from, bytes: bytes.subarray(from, to) });
    }
    from = to;
  }
}
