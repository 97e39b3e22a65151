/**
 * A contender for one lock, in a process or a thread of its own. It does what it is told by messages and answers each
 * with one: { lock: path, timing } | { check } | { block: SharedArrayBuffer } | { release } | { rounds, ... }.
 */

import { closeSync, openSync, unlinkSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { acquireDestinationLock, type DestinationLock, type LockTiming } from '../../src/sink/lock.js';

interface Order {
  lock?: string;
  marker?: string;
  waitMs?: number;
  timing?: Partial<LockTiming>;
  check?: true;
  block?: SharedArrayBuffer;
  release?: true;
}

let held: DestinationLock | undefined;
const answer = (message: object) => (parentPort ? parentPort.postMessage(message) : process.send?.(message));
const failure = (error: unknown) => ({ code: (error as { code?: string }).code, message: String(error) });

async function obey(order: Order): Promise<object> {
  if (order.lock !== undefined) {
    held = await acquireDestinationLock(
      { path: order.lock, lockPath: `${order.lock}.part.lock` },
      { waitMs: order.waitMs ?? 0, ...(order.timing && { timing: order.timing }) },
    );
    if (order.marker === undefined) return { locked: true };
    // The proof: two owners at one time would open the same marker exclusively.
    closeSync(openSync(order.marker, 'wx'));
    await held.check();
    unlinkSync(order.marker);
    return { locked: true };
  }
  if (order.check) await held?.check();
  if (order.block) Atomics.wait(new Int32Array(order.block), 0, 0);
  if (order.release) await held?.release();
  return { done: true, compromised: held?.compromised.aborted };
}

const onOrder = (order: Order) => void obey(order).then(answer, (error: unknown) => answer(failure(error)));
if (parentPort) parentPort.on('message', onOrder);
else process.on('message', onOrder);
answer({ ready: true });
