import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { headerFor } from '../../src/sink/checkpoint-binding.js';
import { type FileOps, nodeFileOps } from '../../src/sink/file-ops.js';
import { createJournal, readJournal, resumeJournal } from '../../src/sink/journal-file.js';
import { blockRecords } from '../../src/sink/journal-record.js';
import { faultyFileOps, systemError } from './faulty-file-ops.js';
import { MiB, objectOf, temporaryDirectory } from './sink-fixture.js';

const size = 65_536 * MiB;

function header(path: string) {
  const range = { start: 0, end: size };
  return headerFor(
    { identity: '', object: objectOf(size), range, destination: { path }, allowUnvalidated: false },
    'crc64ecma',
  );
}

describe('the journal on disk', () => {
  it('the rest of a record that failed half-way never becomes part of the next one', async () => {
    const path = join(await temporaryDirectory(), 'journal');
    let isFailing = false;
    const ops: FileOps = {
      ...nodeFileOps,
      async open(...args) {
        const file = await nodeFileOps.open(...args);
        return {
          ...file,
          async write(buffers, position) {
            const bytes = Buffer.concat(buffers);
            await file.write([isFailing ? bytes.subarray(0, bytes.length - 1) : bytes], position);
            if (isFailing) throw systemError('ENOSPC');
          },
        };
      },
    };
    const journal = await createJournal(ops, path, header(path));
    isFailing = true;
    const failed = journal.append(blockRecords([{ first: 0, crcs: Array(100).fill(1n) }], 'crc64ecma'));
    await expect(failed).rejects.toMatchObject({ code: 'PS_ERR_DISK', path });
    isFailing = false;
    await journal.append([{ t: 'F', fromSeq: 0 }]);
    await journal.close();
    const state = await readJournal(nodeFileOps, path);
    expect(state).toMatchObject({ seq: 1, validBytes: (await stat(path)).size });
  });

  it('T151: records every block of the largest table in less than 8 MiB, and is rewritten when half of it is stale', async () => {
    const path = join(await temporaryDirectory(), 'journal');
    const journal = await createJournal(nodeFileOps, path, header(path));
    const crcs = Array.from({ length: 65_536 }, (_, block) => 2n ** 63n + BigInt(block));
    for (let block = 0; block < crcs.length; block += 4096) {
      const records = crcs.slice(block, block + 4096).map((crc, index) => ({ first: block + index, crcs: [crc] }));
      await journal.append(blockRecords(records, 'crc64ecma'));
    }
    await journal.close();
    const before = await stat(path);
    expect(before.size).toBeLessThan(8 * MiB);

    const state = await readJournal(nodeFileOps, path);
    if (state === undefined) throw new Error('not a journal');
    const fileOps = faultyFileOps();
    const resumed = await resumeJournal(fileOps, path, state, 'ab'.repeat(16));
    await resumed.checkOwnership();
    await resumed.append([{ t: 'V' }]);
    await resumed.checkOwnership();
    await resumed.close();
    const after = await stat(path);
    expect(after.size).toBeLessThan(before.size / 2);
    const again = await readJournal(nodeFileOps, path);
    expect(again?.header.epoch).toBe('ab'.repeat(16));
    expect(again?.crcs).toEqual(state.crcs);
    expect(again?.recordedBy.every((by) => by > 0)).toBe(true);
    // Invariant: a rewritten journal is whole and on disk before it takes the place of the old one.
    const order = fileOps.calls.map(({ op }) => op).filter((op) => /datasync|rename|file.sync/.test(op));
    expect(order).toEqual(['file.datasync', 'rename', 'file.sync']);
    expect((await readFile(path)).subarray(0, 1).toString()).toBe('\n');
  });

  it('a process that took over is noticed by the one before', async () => {
    const path = join(await temporaryDirectory(), 'journal');
    const first = await createJournal(nodeFileOps, path, header(path));
    await first.append(blockRecords([{ first: 0, crcs: [1n] }], 'crc64ecma'));
    await first.checkOwnership();
    const state = await readJournal(nodeFileOps, path);
    if (state === undefined) throw new Error('not a journal');
    const second = await resumeJournal(nodeFileOps, path, state, 'cd'.repeat(16));
    await expect(first.checkOwnership()).rejects.toMatchObject({ code: 'PS_ERR_CHECKPOINT', path });
    await second.checkOwnership();
    await first.close();
    await second.close();
  });
});
