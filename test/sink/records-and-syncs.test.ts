/** When records may be written, and what is believed of those that are there. */

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ObjectInfo } from '../../src/object-info.js';
import { BlockLedger, blockBytesFor } from '../../src/sink/block-ledger.js';
import { type FileOps, nodeFileOps } from '../../src/sink/file-ops.js';
import { GroupCommit } from '../../src/sink/group-commit.js';
import { decodeJournal } from '../../src/sink/journal.js';
import { createJournal, type JournalFile, readJournal } from '../../src/sink/journal-file.js';
import { encodeRecord, type HeaderRecord, type JournalRecord } from '../../src/sink/journal-record.js';
import type { PartFile } from '../../src/sink/part-file.js';
import { loadCrc } from '../../src/verify/crc.js';
import { systemError } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = 2 * MiB;
const bytes = rampBytes(SIZE);

const header: HeaderRecord = {
  t: 'H',
  v: 1,
  epoch: '0f'.repeat(16),
  id: 'ab'.repeat(32),
  size: SIZE,
  etag: '"one"',
  version: null,
  modified: null,
  range: [0, SIZE],
  block: MiB,
  crc: 'crc32',
  base: 'model.bin',
};

async function setUp() {
  const ledger = new BlockLedger(SIZE, blockBytesFor(SIZE), await loadCrc('crc32'));
  const appended: JournalRecord[] = [];
  const state = { syncs: 0, failure: undefined as Error | undefined };
  const datasync = async () => {
    state.syncs += 1;
    if (state.failure !== undefined) throw state.failure;
  };
  const append = async (records: readonly JournalRecord[]) => void appended.push(...records);
  const commit = new GroupCommit({
    ops: nodeFileOps,
    ledger,
    part: { path: 'part', datasync } as Partial<PartFile> as PartFile,
    journal: {
      path: 'journal',
      seq: 5,
      append,
      datasync: async () => undefined,
    } as Partial<JournalFile> as JournalFile,
    durability: 'checkpoint',
    checkFence: async () => undefined,
    onRecorded: () => undefined,
    onFailure: () => undefined,
  });
  const write = (range: { start: number; end: number }) => {
    for (const claimed of ledger.claim(range))
      ledger.settle(claimed, ledger.crc.of([bytes.subarray(claimed.start, claimed.end)]));
  };
  return { ledger, commit, appended, state, write };
}

describe('a group commit', () => {
  it('Invariant: after a failed sync nothing is recorded, nor recorded again', async () => {
    const { ledger, commit, appended, state, write } = await setUp();
    write({ start: 0, end: MiB });
    await commit.record();
    state.failure = systemError('EIO');
    await expect(commit.commit()).rejects.toMatchObject({ code: 'EIO' });
    expect(appended.at(-1)).toEqual({ t: 'F', fromSeq: 0 });
    const count = appended.length;
    write({ start: MiB, end: SIZE });
    expect(ledger.hasUnrecorded).toBe(true);
    await commit.record();
    await commit.recordAgain();
    expect(appended).toHaveLength(count);
  });

  it('syncs what was written after 256 MiB, however fast they came', async () => {
    const { commit, state } = await setUp();
    commit.noteWritten(256 * MiB - 1);
    await new Promise(setImmediate);
    expect(state.syncs).toBe(0);
    commit.noteWritten(1);
    for (let turn = 0; turn < 100 && state.syncs === 0; turn++) await new Promise(setImmediate);
    expect(state.syncs).toBe(1);
    await commit.end();
  });
});

it('everything has to be written again once a ledger was cleared, what was only begun included', async () => {
  const { ledger, write } = await setUp();
  write({ start: 0, end: MiB });
  write({ start: MiB, end: MiB + 5 });
  ledger.markRecorded(ledger.takeUnrecorded());
  expect(ledger.recordedBytes).toBe(MiB);
  ledger.clear();
  expect([ledger.recordedBytes, ledger.hasUnrecorded, ledger.written()]).toEqual([0, false, []]);
  const again = ledger.claim({ start: 0, end: SIZE });
  expect(again.map(({ start, end }) => end - start)).toEqual([MiB / 2, MiB / 2, MiB / 2, MiB / 2]);
  const [first] = again;
  ledger.clear();
  expect(() => ledger.settle({ start: 5, end: 6, block: 0 }, 0n)).not.toThrow();
  ledger.claim({ start: 0, end: 5 });
  // Invariant: only what was claimed can become written.
  if (first !== undefined) expect(() => ledger.settle(first, 0n)).toThrow(RangeError);
});

it('Invariant: what was forgotten while it was being recorded does not count as recorded', async () => {
  const { ledger, write } = await setUp();
  write({ start: 0, end: MiB });
  const runs = ledger.takeUnrecorded();
  ledger.clear();
  ledger.markRecorded(runs);
  expect([ledger.recorded(), ledger.recordedBytes]).toEqual([[], 0]);
});

describe('a file that was begun', () => {
  async function leave(more: Partial<ObjectInfo> = {}) {
    const path = join(await temporaryDirectory(), 'model.bin');
    const sink = await openSink(path, objectOf(MiB, more));
    // All but one byte: the second block is on disk, and not recorded.
    await feed(sink, chunksOf(bytes, [{ start: 0, end: MiB - 1 }]));
    await sink.close();
    return path;
  }

  it.each([
    [{ versionId: 'v1' }, {}],
    [{}, { versionId: 'v1' }],
    [{ versionId: 'v1' }, { versionId: 'v1' }],
  ])('is gone on with where the store told %j of it and tells %j now: the ETag is the same', async (before, now) => {
    const path = await leave(before);
    const sink = await openSink(path, objectOf(MiB, now));
    expect(sink.completed).toEqual([{ start: 0, end: MiB / 2 }]);
  });

  it('needs no space for what is allocated already', async () => {
    const path = await leave();
    const sink = await openSink(path, objectOf(MiB), { fileOps: { ...nodeFileOps, freeBytes: async () => 0 } });
    await sink.close();
  });

  it('needs none for what is recorded, whatever the file system says it has allocated', async () => {
    const path = await leave();
    const linkStatus = async (of: string) => {
      const status = await nodeFileOps.linkStatus(of);
      return Object.assign(status, of === `${path}.part` ? { blocks: 0n } : {});
    };
    const open = (freeBytes: number) =>
      openSink(path, objectOf(MiB), { fileOps: { ...nodeFileOps, linkStatus, freeBytes: async () => freeBytes } });
    await expect(open(MiB / 2)).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
    await open(Math.ceil((MiB / 2) * 1.05)).then((sink) => sink.close());
  });
});

it('the rest of a record of our own that failed half-way is not taken for what others wrote', async () => {
  const path = join(await temporaryDirectory(), 'journal');
  let isFull = true;
  const ops: FileOps = {
    ...nodeFileOps,
    async open(...given) {
      const file = await nodeFileOps.open(...given);
      const write = async (buffers: readonly Uint8Array[], position: number) => {
        if (position === 0 || !isFull) return await file.write(buffers, position);
        await file.write([Buffer.concat(buffers).subarray(0, 7)], position);
        throw systemError('ENOSPC');
      };
      return { ...file, write };
    },
  };
  const journal = await createJournal(ops, path, header);
  await expect(journal.append([{ t: 'V' }])).rejects.toMatchObject({ code: 'PS_ERR_DISK' });
  await journal.checkOwnership();
  isFull = false;
  await journal.append([{ t: 'P' }]);
  await journal.checkOwnership();
  await journal.close();
  expect(await readJournal(nodeFileOps, path)).toMatchObject({ seq: 1 });
});

describe('a journal', () => {
  const lineOf = (json: string) => Buffer.from(`\n${crc32(json).toString(16).padStart(8, '0')} ${json}`);

  it.each([
    ['size', null],
    ['range', [0, SIZE, SIZE]],
    ['range', ['0', SIZE]],
    ['range', [0, 'x']],
    ['range', [0, null]],
    ['range', null],
    ['etag', undefined],
    ['modified', 'x'],
    ['crc', 5],
    ['block', '1048576'],
    ['v', 1.5],
    ['t', 'B'],
  ])('is none when its header has the %s %j', (key, value) => {
    const { t, ...fields } = header;
    expect(decodeJournal(lineOf(JSON.stringify({ t, seq: 0, ...fields, [key]: value })))).toBeUndefined();
  });

  it('is one for an empty object', () => {
    expect(decodeJournal(encodeRecord(0, { ...header, size: 0, range: [0, 0] }))).toMatchObject({ seq: 0 });
  });

  it.each([
    { t: 'B', i: 0, n: 8, crc: '00000001' },
    { t: 'B', i: 0, n: 1, crc: [1] },
  ])('ends before the record %j', (record) => {
    const large = { ...header, size: 8 * MiB, range: [0, 8 * MiB] as const };
    const journal = Buffer.concat([encodeRecord(0, large), lineOf(JSON.stringify({ ...record, seq: 1 }))]);
    expect(decodeJournal(journal)).toMatchObject({ seq: 0 });
  });

  it.each(['null', '5', '"text"', '[]'])('believes a line that says %s as little as a torn one', (json) => {
    expect(decodeJournal(lineOf(json))).toBeUndefined();
    expect(decodeJournal(Buffer.concat([encodeRecord(0, header), lineOf(json)]))).toMatchObject({ seq: 0 });
  });

  it('is gone on with also where the ETag is longer than a line, and only with the same', async () => {
    const path = join(await temporaryDirectory(), 'model.bin');
    const etag = (end: string) => `"${'e'.repeat(5000)}${end}"`;
    const first = await openSink(path, objectOf(SIZE, { etag: etag('1') }));
    await feed(first, chunksOf(bytes));
    await first.close();
    const same = await openSink(path, objectOf(SIZE, { etag: etag('1') }));
    expect(same.completed).toEqual([{ start: 0, end: SIZE }]);
    await same.close();
    const other = await openSink(path, objectOf(SIZE, { etag: etag('2') }));
    expect(other.completed).toEqual([]);
  });
});
