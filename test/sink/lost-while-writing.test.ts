/** A lock that is lost while there are bytes that are written and not recorded yet. */

import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { LockedError } from '../../src/errors.js';
import type { DestinationLock } from '../../src/sink/lock.js';
import { faultyFileOps } from './faulty-file-ops.js';
import { MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = 3 * MiB;
const bytes = rampBytes(MiB);
const turn = () => new Promise(setImmediate);

afterEach(() => {
  vi.useRealTimers();
});

async function setUp() {
  const path = join(await temporaryDirectory(), 'model.bin');
  const lost = new AbortController();
  const nothing = async () => undefined;
  const lock: DestinationLock = { path, compromised: lost.signal, check: nothing, leave: () => {}, release: nothing };
  const fileOps = faultyFileOps();
  // No record is written unless a test lets the time pass.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const sink = await openSink(path, objectOf(SIZE), { lock, fileOps });
  const write = async (offset: number) => {
    sink.write({ offset, bytes, release: () => undefined });
    while (sink.missing()[0]?.start === offset) await turn();
  };
  const records = () => fileOps.calls.filter(({ op, path: of }) => op === 'file.write' && of.endsWith('.checkpoint'));
  return { path, lost, lock, sink, write, records };
}

it('Invariant: once the lock is not ours any more, nothing is recorded, not even by the close', async () => {
  const { path, lost, sink, write, records } = await setUp();
  await write(0);
  const before = records().length;
  lost.abort(new LockedError(path, 'taken over'));
  await sink.close();
  expect(records()).toHaveLength(before);
});

it('Invariant: the same where only a look at the lock finds that out', async () => {
  const { path, lock, sink, write, records } = await setUp();
  await write(0);
  let find: (error: Error) => void = () => undefined;
  let looks = 0;
  lock.check = () => {
    looks += 1;
    return new Promise((_, reject) => {
      find = reject;
    });
  };
  await vi.advanceTimersByTimeAsync(30_000);
  while (looks === 0) await turn();
  await write(MiB);
  const before = records().length;
  const failed = new Promise((resolve) => sink.once('error', resolve));
  find(new LockedError(path, 'taken over'));
  expect(await failed).toBeInstanceOf(LockedError);
  lock.check = async () => undefined;
  await sink.close();
  expect(records()).toHaveLength(before);
});
