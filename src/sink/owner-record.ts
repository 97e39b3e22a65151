/**
 * Who holds a lock: a process on a host, written down so that another process can tell whether it still lives.
 * Refuses to call an owner dead on a guess: what cannot be known for certain is 'unknown'.
 */

import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';
import { type FileOps, OPEN_TO_READ } from './file-ops.js';

/** A process, told apart from a later one with the same number by its start time. */
export interface OwnerRecord {
  readonly pid: number;
  readonly threadId: number;
  readonly hostname: string;
  /** Linux: changes at every boot of the kernel. */
  readonly bootId?: string;
  /** Linux: process numbers of two namespaces (containers) say nothing about each other. */
  readonly pidNamespace?: string;
  /** Linux: clock ticks from the boot to the start of the process. */
  readonly startTime?: string;
}

/** 'alive' and 'dead' are certain. */
export type OwnerLiveness = 'alive' | 'dead' | 'unknown';

const MAX_RECORD_BYTES = 4096;

/** The record of the thread that calls. */
export async function describeThisOwner(ops: FileOps): Promise<OwnerRecord> {
  const [bootId, pidNamespace, self] = await Promise.all([
    readShortText('/proc/sys/kernel/random/boot_id', ops),
    // The inode behind this link is the name of the namespace.
    ops.status('/proc/self/ns/pid').then(
      ({ dev, ino }) => `${dev}:${ino}`,
      () => undefined,
    ),
    readProcess('self', ops),
  ]);
  return {
    pid: process.pid,
    threadId,
    hostname: hostname(),
    ...(bootId && { bootId: bootId.trim() }),
    ...(pidNamespace && { pidNamespace }),
    ...(self && { startTime: self.startTime }),
  };
}

/** Tells whether the process of a record still lives; never throws. */
export async function judgeOwner(record: OwnerRecord, ops: FileOps): Promise<OwnerLiveness> {
  const here = await describeThisOwner(ops);
  const comparable =
    record.hostname === here.hostname && record.bootId === here.bootId && record.pidNamespace === here.pidNamespace;
  if (!comparable) return 'unknown';
  if (record.pid === here.pid) return startedApart(record.startTime, here.startTime) ? 'dead' : 'unknown';
  if (!processExists(record.pid)) return 'dead';
  const found = await readProcess(String(record.pid), ops);
  if (!found) return 'unknown';
  // A killed process whose parent has not looked yet (Z) still has its number, but will never write again.
  if (found.state === 'Z' || found.state === 'X' || startedApart(record.startTime, found.startTime)) return 'dead';
  return record.startTime === undefined ? 'unknown' : 'alive';
}

/** Reads a record; `undefined` when there is none, or none that makes sense. Never throws. */
export async function readOwner(path: string, ops: FileOps): Promise<OwnerRecord | undefined> {
  const text = await readShortText(path, ops);
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isOwnerRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** For messages. */
export function nameOwner(record: OwnerRecord): string {
  return `process ${record.pid} on ${JSON.stringify(record.hostname)}`;
}

function isOwnerRecord(value: unknown): value is OwnerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, hostname: host, bootId, pidNamespace, startTime } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(pid) &&
    (pid as number) > 0 &&
    (pid as number) < 2 ** 31 &&
    typeof host === 'string' &&
    [bootId, pidNamespace, startTime].every((text) => text === undefined || typeof text === 'string')
  );
}

function startedApart(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function readProcess(pid: string, ops: FileOps): Promise<{ state: string; startTime: string } | undefined> {
  const text = await readShortText(`/proc/${pid}/stat`, ops);
  // proc(5): "pid (name) state ..."; the name may hold anything, so the fields are counted from the last bracket.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields?.[0], fields?.[19]];
  return state && startTime ? { state, startTime } : undefined;
}

async function readShortText(path: string, ops: FileOps): Promise<string | undefined> {
  try {
    const file = await ops.open(path, OPEN_TO_READ);
    try {
      const bytes = Buffer.alloc(MAX_RECORD_BYTES);
      return bytes.toString('utf8', 0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
