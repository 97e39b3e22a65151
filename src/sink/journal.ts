/**
 * The journal as a whole: from its bytes to what it says, and from what it says to the shortest bytes that say it.
 * Pure. Refuses to guess: the first bad record ends the journal.
 */

import {
  type BlockRun,
  blockCountOf,
  blockRecords,
  checkHeader,
  checkRecord,
  decodeLine,
  encodeRecord,
  type HeaderRecord,
} from './journal-record.js';

/** What a journal says. */
export interface JournalState {
  readonly header: HeaderRecord;
  /** Number of the last good record. */
  readonly seq: number;
  /** Where the last good record ends. */
  readonly validBytes: number;
  /** Per block: the record that says it was written; 0 for none. */
  readonly recordedBy: Uint32Array;
  /** Per block: its CRC, where it was recorded. */
  readonly crcs: BigUint64Array;
}

/** Reads a journal; `'newer'` when a later release wrote it, undefined when it is not a journal at all. */
export function decodeJournal(bytes: Buffer): JournalState | 'newer' | undefined {
  if (bytes[0] !== 0x0a) return undefined;
  const first = lineAt(bytes, 0);
  const fields = decodeLine(first);
  const header = fields === undefined ? undefined : checkHeader(fields);
  if (header === undefined || header === 'newer') return header;

  const recordedBy = new Uint32Array(blockCountOf(header));
  const crcs = new BigUint64Array(blockCountOf(header));
  const takenBack: TakenBack[] = [];
  let seq = 0;
  let validBytes = 1 + first.length;
  // Invariant: nothing after the first bad record is believed.
  while (bytes[validBytes] === 0x0a) {
    const line = lineAt(bytes, validBytes);
    const next = decodeLine(line);
    const record = next === undefined ? undefined : checkRecord(next, seq + 1, header);
    if (record === undefined) break;
    seq += 1;
    validBytes += 1 + line.length;
    if (record.t === 'B') {
      for (const [index, crc] of record.crc.entries()) {
        recordedBy[record.i + index] = seq;
        crcs[record.i + index] = BigInt(`0x${crc}`);
      }
    }
    if (record.t === 'R') takenBack.push({ after: 0, upTo: seq });
    // Invariant: blocks recorded after the last good sync are not believed once a sync has failed, whatever their CRC.
    if (record.t === 'F') takenBack.push({ after: record.fromSeq, upTo: seq });
  }
  if (takenBack.length > 0) forget(takenBack, seq, recordedBy);
  return { header, seq, validBytes, recordedBy, crcs };
}

/** Records with numbers above `after`, up to and with `upTo`. */
interface TakenBack {
  readonly after: number;
  readonly upTo: number;
}

/** Each number is looked at once, and each block, however often a journal takes something back. */
function forget(takenBack: readonly TakenBack[], lastSeq: number, recordedBy: Uint32Array): void {
  const isVoid = new Uint8Array(lastSeq + 1);
  let marked = lastSeq;
  for (const { after, upTo } of takenBack.toReversed()) {
    if (after >= marked) continue;
    isVoid.fill(1, after + 1, Math.min(upTo, marked) + 1);
    marked = after;
  }
  for (const [block, by] of recordedBy.entries()) if (isVoid[by] === 1) recordedBy[block] = 0;
}

/**
 * The line that follows the line feed at `offset`. It ends at a zero byte, too: that is how bytes look that a power
 * failure kept from the disk, and the record before them is still good.
 */
function lineAt(bytes: Buffer, offset: number): Buffer {
  const end = bytes.indexOf(0x0a, offset + 1);
  const line = bytes.subarray(offset + 1, end === -1 ? bytes.length : end);
  const zero = line.indexOf(0);
  return zero === -1 ? line : line.subarray(0, zero);
}

/** The blocks that a journal says were written, as runs in ascending order. */
export function recordedRuns(state: JournalState): BlockRun[] {
  const runs: { first: number; crcs: bigint[] }[] = [];
  let open: { first: number; crcs: bigint[] } | undefined;
  for (const [block, by] of state.recordedBy.entries()) {
    if (by === 0) open = undefined;
    else if (open !== undefined) open.crcs.push(state.crcs[block] ?? 0n);
    else {
      open = { first: block, crcs: [state.crcs[block] ?? 0n] };
      runs.push(open);
    }
  }
  return runs;
}

/** A journal that says just this, in as few bytes as possible, and the number of its last record. */
export function encodeJournal(header: HeaderRecord, runs: readonly BlockRun[]): { bytes: Buffer; seq: number } {
  const records = [header, ...blockRecords(runs, header.crc)];
  return { bytes: Buffer.concat(records.map((record, seq) => encodeRecord(seq, record))), seq: records.length - 1 };
}
