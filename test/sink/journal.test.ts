import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJournal, encodeJournal, recordedRuns } from '../../src/sink/journal.js';
import {
  type BlockRun,
  blockRecords,
  encodeRecord,
  type HeaderRecord,
  type JournalRecord,
  MAX_LINE_BYTES,
} from '../../src/sink/journal-record.js';
import { MiB } from './sink-fixture.js';

const header: HeaderRecord = {
  t: 'H',
  v: 1,
  epoch: '00112233445566778899aabbccddeeff',
  id: 'ab'.repeat(32),
  size: 10 * MiB,
  etag: '"one"',
  version: null,
  modified: 1_700_000_000_000,
  range: [0, 10 * MiB],
  block: MiB,
  crc: 'crc32',
  base: 'model.bin',
};

/** A journal with these records after its header. */
function journalOf(records: readonly JournalRecord[], first: HeaderRecord = header): Buffer {
  return Buffer.concat([first, ...records].map((record, seq) => encodeRecord(seq, record)));
}

/** A line whose CRC is right, whatever it says. */
function line(value: unknown): Buffer {
  const json = JSON.stringify(value);
  return Buffer.from(`\n${crc32(json).toString(16).padStart(8, '0')} ${json}`);
}

function blocks(first: number, ...crcs: bigint[]): JournalRecord {
  const [record] = blockRecords([{ first, crcs }], 'crc32');
  if (record === undefined) throw new Error('no record');
  return record;
}

/** What a journal says; fails the test when it is not one. */
function read(bytes: Buffer) {
  const state = decodeJournal(bytes);
  if (state === undefined || state === 'newer') throw new Error(`not a journal: ${state}`);
  return { ...state, runs: recordedRuns(state) };
}

describe('a journal', () => {
  it('reads back what was recorded', () => {
    const bytes = journalOf([blocks(3, 1n, 0xffffffffn), blocks(0, 7n), { t: 'E', epoch: '0f'.repeat(16) }]);
    const state = read(bytes);
    expect(state.header).toEqual(header);
    expect(state.seq).toBe(3);
    expect(state.validBytes).toBe(bytes.length);
    expect(state.runs).toEqual([
      { first: 0, crcs: [7n] },
      { first: 3, crcs: [1n, 0xffffffffn] },
    ]);
  });

  it('says byte for byte what JOURNAL.md describes', () => {
    const bytes = encodeRecord(7, blocks(2, 0xabcn));
    const json = '{"t":"B","seq":7,"i":2,"n":1,"crc":["00000abc"]}';
    expect(bytes.toString()).toBe(`\n${crc32(json).toString(16).padStart(8, '0')} ${json}`);
  });

  it('round-trips any set of blocks, with CRCs of 32 and of 64 bits', () => {
    const anyBlocks = fc.record({
      crc: fc.constantFrom('crc32' as const, 'crc64ecma' as const),
      recorded: fc.array(fc.boolean(), { minLength: 1, maxLength: 1000 }),
    });
    fc.assert(
      fc.property(anyBlocks, ({ crc, recorded }) => {
        const runs: { first: number; crcs: bigint[] }[] = [];
        for (const [block, isRecorded] of recorded.entries()) {
          const value = crc === 'crc32' ? BigInt(block * 4_000_037) & 0xffffffffn : BigInt(block) << 50n;
          if (isRecorded && recorded[block - 1]) runs.at(-1)?.crcs.push(value);
          else if (isRecorded) runs.push({ first: block, crcs: [value] });
        }
        const size = recorded.length * MiB;
        const { bytes, seq } = encodeJournal({ ...header, crc, size, range: [0, size] }, runs as BlockRun[]);
        const state = read(bytes);
        expect(state.runs).toEqual(runs);
        expect(state.seq).toBe(seq);
        const longest = Math.max(
          ...bytes
            .toString()
            .split('\n')
            .map((text) => text.length + 1),
        );
        expect(longest).toBeLessThanOrEqual(MAX_LINE_BYTES);
      }),
      { numRuns: 50 },
    );
  });

  it('torn at any byte loses only the record that was torn', () => {
    const records: JournalRecord[] = [blocks(0, 1n), blocks(1, 2n, 3n), { t: 'R' }, blocks(5, 9n)];
    const ends: number[] = [];
    for (let count = 0; count <= records.length; count++) ends.push(journalOf(records.slice(0, count)).length);
    const bytes = journalOf(records);
    for (let length = 0; length <= bytes.length; length++) {
      const whole = ends.filter((end) => end <= length);
      const state = decodeJournal(bytes.subarray(0, length));
      if (whole.length === 0) expect(state).toBeUndefined();
      else expect(state).toMatchObject({ seq: whole.length - 1, validBytes: whole.at(-1) });
    }
  });

  it('T089: ends at a hole of zeros, although what follows is valid', () => {
    const before = journalOf([blocks(0, 1n)]);
    const after = journalOf([blocks(0, 1n), blocks(1, 2n)]).subarray(before.length);
    const state = read(Buffer.concat([before, Buffer.alloc(4096), after]));
    expect(state.runs).toEqual([{ first: 0, crcs: [1n] }]);
    expect(state.validBytes).toBe(before.length);
  });

  it('nothing after the first bad record is believed', () => {
    const records: JournalRecord[] = [blocks(0, 1n), blocks(1, 2n), blocks(2, 3n)];
    const bytes = journalOf(records);
    bytes.writeUInt8(0x7e, journalOf(records.slice(0, 1)).length + 20);
    expect(read(bytes).runs).toEqual([{ first: 0, crcs: [1n] }]);
  });

  it('sequence numbers grow by exactly one, so that no record is lost, repeated or taken from another journal', () => {
    const record = blocks(1, 2n);
    for (const seq of [0, 2, -1, 1.5, '1', null]) {
      const bytes = Buffer.concat([encodeRecord(0, header), line({ ...record, seq })]);
      expect(read(bytes).runs).toEqual([]);
    }
    expect(read(Buffer.concat([encodeRecord(0, header), line({ ...record, seq: 1 })])).runs).toHaveLength(1);
  });

  it('R makes every block void, and F those that were recorded after a number', () => {
    expect(read(journalOf([blocks(0, 1n), { t: 'R' }, blocks(4, 5n)])).runs).toEqual([{ first: 4, crcs: [5n] }]);
    const failed = journalOf([blocks(0, 1n), blocks(1, 2n), { t: 'F', fromSeq: 1 }, blocks(7, 8n)]);
    expect(read(failed).runs).toEqual([
      { first: 0, crcs: [1n] },
      { first: 7, crcs: [8n] },
    ]);
  });

  it('blocks recorded after the last good sync are not believed once a sync has failed, whatever their CRC', () => {
    const state = read(journalOf([blocks(0, 1n), blocks(0, 1n), { t: 'F', fromSeq: 1 }]));
    expect(state.runs).toEqual([]);
  });

  it('a block that is recorded twice has the later CRC', () => {
    expect(read(journalOf([blocks(0, 1n), blocks(0, 2n)])).runs).toEqual([{ first: 0, crcs: [2n] }]);
  });

  it('T095: from a later version is told from garbage', () => {
    expect(decodeJournal(line({ ...header, seq: 0, v: 2, anything: 'else' }))).toBe('newer');
    expect(decodeJournal(line({ ...header, seq: 0, v: 0 }))).toBeUndefined();
  });

  it.each([
    ['epoch', 'x'.repeat(32)],
    ['id', 'ab'],
    ['size', -1],
    ['size', 2 ** 53],
    ['size', '5'],
    ['etag', 5],
    ['version', {}],
    ['modified', 1.5],
    ['range', [5, 4]],
    ['range', [0, 10 * MiB + 1]],
    ['range', [0]],
    ['block', 0],
    ['block', MiB + 1],
    ['crc', 'md5'],
    ['crc', '__proto__'],
    ['base', null],
    ['seq', 1],
  ])('is not one when its header has the %s %j', (key, value) => {
    expect(decodeJournal(line({ ...header, seq: 0, [key]: value }))).toBeUndefined();
    expect(decodeJournal(line({ ...header, seq: 0 }))).toBeDefined();
  });

  it('is not one when its header asks for more blocks than there can be', () => {
    const size = 65_537 * MiB;
    expect(decodeJournal(line({ ...header, seq: 0, size, range: [0, size] }))).toBeUndefined();
  });

  it.each([
    { t: 'B', i: 0, n: 2, crc: ['00000001'] },
    { t: 'B', i: 10, n: 1, crc: ['00000001'] },
    { t: 'B', i: -1, n: 1, crc: ['00000001'] },
    { t: 'B', i: 0, n: 0, crc: [] },
    { t: 'B', i: 0, n: 1, crc: ['0000000g'] },
    { t: 'B', i: 0, n: 1, crc: ['000000001'] },
    { t: 'B', i: 0, n: 1, crc: '00000001' },
    { t: 'F', fromSeq: 1 },
    { t: 'E', epoch: 5 },
    { t: 'X' },
    { t: '__proto__' },
  ])('ends before the record %j', (record) => {
    expect(read(Buffer.concat([encodeRecord(0, header), line({ ...record, seq: 1 })])).seq).toBe(0);
  });

  it('ends before a line of more than 4096 bytes', () => {
    const long = line({ t: 'R', seq: 1, pad: 'x'.repeat(4096) });
    const short = line({ t: 'R', seq: 1, pad: 'x'.repeat(4000) });
    expect(read(Buffer.concat([encodeRecord(0, header), long])).seq).toBe(0);
    expect(read(Buffer.concat([encodeRecord(0, header), short])).seq).toBe(1);
  });

  it('never throws, and never believes more than was written, whatever happens to its bytes', () => {
    const records: JournalRecord[] = [blocks(0, 1n), blocks(1, 2n, 3n), { t: 'V' }];
    const bytes = journalOf(records);
    const damage = fc.array(
      fc.oneof(
        fc.record({ at: fc.nat(bytes.length - 1), byte: fc.integer({ min: 0, max: 255 }) }),
        fc.record({ at: fc.nat(bytes.length - 1), insert: fc.uint8Array({ maxLength: 40 }) }),
      ),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(damage, (changes) => {
        let damaged = Buffer.from(bytes);
        for (const change of changes) {
          if ('byte' in change) damaged[change.at] = change.byte;
          else damaged = Buffer.concat([damaged.subarray(0, change.at), change.insert, damaged.subarray(change.at)]);
        }
        const state = decodeJournal(damaged);
        if (state === undefined || state === 'newer') return;
        expect(bytes.subarray(0, state.validBytes).equals(damaged.subarray(0, state.validBytes))).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws for well-formed lines that say anything', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.json({ maxDepth: 3 }), fc.string()), { maxLength: 5 }), (texts) => {
        const lines = texts.map((json) => Buffer.from(`\n${crc32(json).toString(16).padStart(8, '0')} ${json}`));
        expect(decodeJournal(Buffer.concat(lines))).toBeUndefined();
        const state = read(Buffer.concat([encodeRecord(0, header), ...lines]));
        expect(state.seq).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});
