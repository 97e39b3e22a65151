/** Records that take back others: R all of them, F those after a number. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeJournal, encodeJournal } from '../../src/sink/journal.js';
import { encodeRecord, type HeaderRecord, type JournalRecord } from '../../src/sink/journal-record.js';
import { MiB } from './sink-fixture.js';

const BLOCKS = 65_536;
const header: HeaderRecord = {
  t: 'H',
  v: 1,
  epoch: '0'.repeat(32),
  id: '0'.repeat(64),
  size: BLOCKS * MiB,
  etag: '"one"',
  version: null,
  modified: null,
  range: [0, BLOCKS * MiB],
  block: MiB,
  crc: 'crc32',
  base: 'file',
};

function recordedBy(records: readonly JournalRecord[]): Uint32Array {
  const bytes = Buffer.concat([
    encodeJournal(header, []).bytes,
    ...records.map((record, k) => encodeRecord(k + 1, record)),
  ]);
  const state = decodeJournal(bytes);
  if (state === undefined || state === 'newer') throw new Error('not a journal');
  expect(state.seq).toBe(records.length);
  return state.recordedBy;
}

it('are read as if each took effect in its turn', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ block: fc.nat(3), count: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ back: fc.nat(12) }) },
    { weight: 1, arbitrary: fc.constant('all' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const expected = new Array<number>(8).fill(0);
      const records = steps.map((one, index): JournalRecord => {
        const seq = index + 1;
        if (one === 'all') {
          expected.fill(0);
          return { t: 'R' };
        }
        if ('back' in one) {
          const fromSeq = Math.max(0, seq - 1 - one.back);
          for (const [block, by] of expected.entries()) if (by > fromSeq) expected[block] = 0;
          return { t: 'F', fromSeq };
        }
        expected.fill(seq, one.block, one.block + one.count);
        return { t: 'B', i: one.block, n: one.count, crc: new Array<string>(one.count).fill('00000000') };
      });
      expect([...recordedBy(records).subarray(0, 8)]).toEqual(expected);
    }),
  );
});

it('cost no more than others, however many there are', () => {
  const taking = Array.from({ length: 20_000 }, (_, k): JournalRecord => (k % 2 ? { t: 'R' } : { t: 'F', fromSeq: k }));
  const startedAt = performance.now();
  recordedBy(taking);
  // When each of them looked at every block it was 20 seconds.
  expect(performance.now() - startedAt).toBeLessThan(2000);
});
