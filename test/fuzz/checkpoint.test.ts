import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeJournal, encodeJournal, recordedRuns } from '../../src/sink/journal.js';
import { encodeRecord, type HeaderRecord, type JournalRecord } from '../../src/sink/journal-record.js';
import { fraction, fuzz } from './fuzz.js';

const MiB = 1024 * 1024;
const BLOCKS = 40;
const hex = (bits: number) =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }).map((value) => value.toString(16).padStart(bits / 4, '0'));

const header: HeaderRecord = {
  t: 'H',
  v: 1,
  epoch: 'e'.repeat(32),
  id: '1'.repeat(64),
  size: BLOCKS * MiB,
  etag: '"one"',
  version: null,
  modified: 1,
  range: [0, BLOCKS * MiB],
  block: MiB,
  crc: 'crc32',
  base: 'file',
};

const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(BLOCKS - 1), fc.array(hex(32), { minLength: 1, maxLength: 4 })).map(blocks) },
  { weight: 1, arbitrary: fc.constant<JournalRecord>({ t: 'R' }) },
  { weight: 1, arbitrary: hex(128).map((epoch): JournalRecord => ({ t: 'E', epoch })) },
  { weight: 1, arbitrary: fc.nat(3).map((fromSeq): JournalRecord => ({ t: 'F', fromSeq })) },
  { weight: 1, arbitrary: fc.constantFrom<JournalRecord>({ t: 'V' }, { t: 'P' }) },
);

function blocks([i, crcs]: [number, string[]]): JournalRecord {
  const crc = crcs.slice(0, BLOCKS - i);
  return { t: 'B', i, n: crc.length, crc };
}

const records = fc.array(record, { maxLength: 8 });
const journalOf = (some: readonly JournalRecord[]) =>
  Buffer.concat([encodeRecord(0, header), ...some.map((one, index) => encodeRecord(index + 1, one))]);

/** One thing that may happen to a file. Positions are fractions of its length. */
const damage = fc.record({
  kind: fc.constantFrom('flip', 'digit', 'cut', 'zeros', 'insert', 'repeat', 'splice', 'drop'),
  at: fraction,
  length: fc.nat(200),
  byte: fc.integer({ min: 1, max: 255 }),
});
type Damage = typeof damage extends fc.Arbitrary<infer D> ? D : never;

function damaged(bytes: Buffer, { kind, at, length, byte }: Damage, other: Buffer): Buffer {
  const from = Math.floor(at * bytes.length);
  const [before, some, rest] = [
    bytes.subarray(0, from),
    bytes.subarray(from, from + length),
    bytes.subarray(from + length),
  ];
  switch (kind) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      copy[from] = (copy[from] ?? 0) ^ byte;
      return copy.subarray(0, bytes.length);
    }
    case 'digit':
      return Buffer.concat([before, Buffer.from((byte % 16).toString(16)), bytes.subarray(from + 1)]);
    case 'cut':
      return before;
    case 'zeros':
      return Buffer.concat([before, Buffer.alloc(some.length), rest]);
    case 'insert':
      return Buffer.concat([before, Buffer.alloc(length, byte), some, rest]);
    case 'repeat':
      return Buffer.concat([before, some, some, rest]);
    case 'splice':
      return Buffer.concat([before, other.subarray(Math.floor(at * other.length))]);
    default:
      return Buffer.concat([before, rest]);
  }
}

/** Every pair of block and CRC that was ever written. */
function claimsOf(...journals: readonly (readonly JournalRecord[])[]): Set<string> {
  const claims = new Set<string>();
  for (const one of journals.flat()) {
    if (one.t === 'B')
      for (const [index, crc] of one.crc.entries()) claims.add(`${one.i + index} ${BigInt(`0x${crc}`)}`);
  }
  return claims;
}

it('no damage to a checkpoint makes it claim a block that was never recorded', { timeout: 600_000 }, () => {
  fuzz({
    name: 'checkpoint bytes (mutated, torn, spliced)',
    short: 4000,
    whole: 150_000,
    inputs: fc.tuple(records, records, fc.array(damage, { minLength: 1, maxLength: 3 })),
    check([some, others, damages]) {
      const other = journalOf(others);
      const bytes = damages.reduce<Buffer>((now, one) => damaged(now, one, other), journalOf(some));
      const state = decodeJournal(bytes);
      if (state === undefined || state === 'newer') return;
      expect(state.validBytes <= bytes.length && state.seq <= some.length + others.length).toBe(true);
      const claims = claimsOf(some, others);
      for (const { first, crcs } of recordedRuns(state)) {
        for (const [index, crc] of crcs.entries()) {
          if (!claims.has(`${first + index} ${crc}`)) throw new Error(`block ${first + index} was never recorded`);
        }
      }
      // What is kept is read again the same way, and so is its shortest form.
      expect(decodeJournal(bytes.subarray(0, state.validBytes))).toEqual(state);
      const again = decodeJournal(encodeJournal(state.header, recordedRuns(state)).bytes);
      expect(again === undefined || again === 'newer' ? again : recordedRuns(again)).toEqual(recordedRuns(state));
    },
  });
});

const oddValue = fc.oneof(
  fc.constantFrom<unknown>(
    -1,
    -0,
    1.5,
    2 ** 53,
    Number.MAX_SAFE_INTEGER,
    1e308,
    '1',
    '',
    null,
    true,
    [],
    {},
    [1, 2, 3],
  ),
  fc.constantFrom<unknown>('__proto__', '../../x', 'crc32', '\u0000', '\ud800', 'f'.repeat(3000)),
  fc.integer(),
  fc.jsonValue({ maxDepth: 2 }),
);
const oddFields = fc.dictionary(
  fc.constantFrom(
    't',
    'seq',
    'v',
    'epoch',
    'id',
    'size',
    'etag',
    'range',
    'block',
    'crc',
    'i',
    'n',
    'fromSeq',
    '__proto__',
  ),
  oddValue,
  { maxKeys: 4 },
);

/** A line whose CRC is right, whatever it says. */
function line(json: string): Buffer {
  return Buffer.from(`\n${crc32(json).toString(16).padStart(8, '0')} ${json}`);
}

it('a checkpoint whose lines have the right CRC and say anything is read within its bounds', {
  timeout: 600_000,
}, () => {
  fuzz({
    name: 'checkpoint records (right CRC, odd fields)',
    short: 2000,
    whole: 50_000,
    inputs: fc.tuple(fc.boolean(), oddFields, fc.array(fc.tuple(record, oddFields), { maxLength: 4 })),
    check([isHeaderOdd, oddHeader, odd]) {
      const first = isHeaderOdd ? { ...header, seq: 0, ...oddHeader } : { ...header, seq: 0 };
      const lines = odd.map(([one, fields], index) => line(JSON.stringify({ seq: index + 1, ...one, ...fields })));
      const bytes = Buffer.concat([line(JSON.stringify(first)), ...lines]);
      const state = decodeJournal(bytes);
      if (state === undefined || state === 'newer') return;
      const { range, block, size } = state.header;
      expect(Number.isSafeInteger(size) && range[0] >= 0 && range[0] <= range[1] && range[1] <= size).toBe(true);
      expect(state.recordedBy.length).toBe(Math.ceil((range[1] - range[0]) / block));
      expect(state.recordedBy.length).toBeLessThanOrEqual(65_536);
      expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    },
  });
});
