/**
 * One record of the journal, as a line of bytes and back (JOURNAL.md describes both). Refuses every line that is
 * not as described there: wrong CRC, missing field, number out of range.
 */

import { crc32 } from 'node:zlib';
import { CRC_ALGORITHMS, type CrcAlgorithm, formatCrc, isCrcAlgorithm } from '../verify/crc-algorithm.js';

export const JOURNAL_VERSION = 1;
export const MAX_LINE_BYTES = 4096;
export const MAX_BLOCKS = 65_536;
export const BLOCK_UNIT_BYTES: number = 512 * 1024;

/** What the blocks are blocks of. */
export interface HeaderRecord {
  readonly t: 'H';
  readonly v: typeof JOURNAL_VERSION;
  readonly epoch: string;
  readonly id: string;
  readonly size: number;
  readonly etag: string | null;
  readonly version: string | null;
  readonly modified: number | null;
  readonly range: readonly [start: number, end: number];
  readonly block: number;
  readonly crc: CrcAlgorithm;
  readonly base: string;
}

/** A record after the header. */
export type JournalRecord =
  | { readonly t: 'B'; readonly i: number; readonly n: number; readonly crc: readonly string[] }
  | { readonly t: 'R' }
  | { readonly t: 'E'; readonly epoch: string }
  | { readonly t: 'F'; readonly fromSeq: number }
  | { readonly t: 'V' }
  | { readonly t: 'P' };

/** A run of neighbouring blocks that were written, with their CRCs. */
export interface BlockRun {
  readonly first: number;
  readonly crcs: readonly bigint[];
}

/** CRCs in one record: even those of 64 bits keep the line far below {@link MAX_LINE_BYTES}. */
const MAX_CRCS_PER_RECORD = 128;

/** The line of a record, its leading line feed included. */
export function encodeRecord(seq: number, record: HeaderRecord | JournalRecord): Buffer {
  const { t, ...fields } = record;
  const json = JSON.stringify({ t, seq, ...fields });
  return Buffer.from(`\n${crc32(json).toString(16).padStart(8, '0')} ${json}`);
}

/** The records for runs of blocks; a long run becomes several. */
export function blockRecords(runs: readonly BlockRun[], algorithm: CrcAlgorithm): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (const { first, crcs } of runs) {
    for (let from = 0; from < crcs.length; from += MAX_CRCS_PER_RECORD) {
      const some = crcs.slice(from, from + MAX_CRCS_PER_RECORD);
      const crc = some.map((value) => formatCrc(algorithm, value));
      records.push({ t: 'B', i: first + from, n: some.length, crc });
    }
  }
  return records;
}

/** How many blocks the header's range has. */
export function blockCountOf(header: Pick<HeaderRecord, 'range' | 'block'>): number {
  return Math.ceil((header.range[1] - header.range[0]) / header.block);
}

/** The fields of a line (without its line feed) whose CRC is right; undefined for any other line. */
export function decodeLine(line: Buffer): Record<string, unknown> | undefined {
  if (line.length < 10 || line.length >= MAX_LINE_BYTES || line[8] !== 0x20) return undefined;
  const json = line.subarray(9);
  // Invariant: a record counts only when its CRC is right, so that a torn or overwritten one is never believed.
  if (line.toString('latin1', 0, 8) !== crc32(json).toString(16).padStart(8, '0')) return undefined;
  try {
    const value: unknown = JSON.parse(json.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The first record; `'newer'` when a later release wrote it. */
export function checkHeader(fields: Record<string, unknown>): HeaderRecord | 'newer' | undefined {
  const { t, seq, v, epoch, id, size, etag, version, modified, range, block, crc, base } = fields;
  if (t !== 'H' || seq !== 0) return undefined;
  if (isCount(v) && v > JOURNAL_VERSION) return 'newer';
  if (v !== JOURNAL_VERSION || !isHex(epoch, 32) || !isHex(id, 64) || typeof base !== 'string') return undefined;
  if (!isCount(size) || !isTextOrNull(etag) || !isTextOrNull(version)) return undefined;
  if (modified !== null && !Number.isSafeInteger(modified)) return undefined;
  if (!Array.isArray(range) || range.length !== 2 || typeof crc !== 'string' || !isCrcAlgorithm(crc)) return undefined;
  const [start, end] = range as unknown[];
  if (!isCount(start) || !isCount(end) || start > end || end > size) return undefined;
  if (!isCount(block) || block === 0 || block % BLOCK_UNIT_BYTES !== 0) return undefined;
  if (blockCountOf({ range: [start, end], block }) > MAX_BLOCKS) return undefined;
  const modifiedMs = modified as number | null;
  return { t, v, epoch, id, size, etag, version, modified: modifiedMs, range: [start, end], block, crc, base };
}

/** A record after the header; undefined when it is not a good record number `seq` of that journal. */
export function checkRecord(
  fields: Record<string, unknown>,
  seq: number,
  header: HeaderRecord,
): JournalRecord | undefined {
  // Invariant: sequence numbers grow by exactly one, so that no record is lost, repeated or taken from another journal.
  if (fields.seq !== seq) return undefined;
  const { t, i, n, crc, epoch, fromSeq } = fields;
  switch (t) {
    case 'B': {
      if (!isCount(i) || !isCount(n) || n === 0 || i + n > blockCountOf(header)) return undefined;
      const digits = CRC_ALGORITHMS[header.crc].bits / 4;
      if (!Array.isArray(crc) || crc.length !== n || !crc.every((value) => isHex(value, digits))) return undefined;
      return { t, i, n, crc };
    }
    case 'E':
      return isHex(epoch, 32) ? { t, epoch } : undefined;
    case 'F':
      return isCount(fromSeq) && fromSeq < seq ? { t, fromSeq } : undefined;
    case 'R':
    case 'V':
    case 'P':
      return { t };
    default:
      return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}
