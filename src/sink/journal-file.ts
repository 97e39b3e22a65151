/**
 * The journal on disk: reads it once, then only appends, at an offset that is tracked here and never asked of the file
 * system. Refuses to go on when somebody else wrote to it.
 */

import { basename, dirname, join } from 'node:path';
import { errorCode } from '../error-code.js';
import { CheckpointError, DiskError } from '../errors.js';
import { type FileOps, OPEN_EXISTING, OPEN_NEW, OPEN_TO_READ, type OpenFile } from './file-ops.js';
import { fitName } from './fit-name.js';
import { decodeJournal, encodeJournal, type JournalState, recordedRuns } from './journal.js';
import { encodeRecord, type HeaderRecord, type JournalRecord } from './journal-record.js';
import { isSameFile, linkProblem, onDisk, ownerProblem, removeIfThere, statusOf } from './own-file.js';
import { syncDirectory } from './sync-directory.js';

/** What is larger is no journal, and is not even read. */
const MAX_JOURNAL_BYTES = 64 * 1024 * 1024;

/** Where the next record goes. */
interface JournalEnd {
  readonly offset: number;
  readonly seq: number;
}

/** A journal that this process writes. */
export class JournalFile {
  readonly path: string;
  readonly #ops: FileOps;
  readonly #file: OpenFile;
  /** The record that made this process the writer: proof that nobody took over since. */
  readonly #claim: { readonly offset: number; readonly line: Buffer };
  #offset: number;
  #seq: number;
  #isTorn = false;
  #queue: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(ops: FileOps, path: string, file: OpenFile, end: JournalEnd, claim: { offset: number; line: Buffer }) {
    this.#ops = ops;
    this.path = path;
    this.#file = file;
    this.#offset = end.offset;
    this.#seq = end.seq;
    this.#claim = claim;
  }

  /** Number of the last record that was appended. */
  get seq(): number {
    return this.#seq;
  }

  /** Appends records in the order of the calls. They survive the end of the process, not yet a power failure. */
  append(records: readonly JournalRecord[]): Promise<void> {
    const appended = this.#queue.then(() => this.#append(records));
    this.#queue = appended.catch(() => undefined);
    return appended;
  }

  async #append(records: readonly JournalRecord[]): Promise<void> {
    const bytes = Buffer.concat(records.map((record, index) => encodeRecord(this.#seq + 1 + index, record)));
    try {
      // The rest of a record that failed half-way would become part of the next line.
      if (this.#isTorn) await this.#file.truncate(this.#offset);
      this.#isTorn = true;
      await this.#file.write([bytes], this.#offset);
    } catch (error) {
      throw new DiskError(this.path, error);
    }
    this.#isTorn = false;
    this.#offset += bytes.length;
    this.#seq += records.length;
  }

  async datasync(): Promise<void> {
    await onDisk(this.path, this.#file.datasync());
  }

  /** Rejects with a CheckpointError when the file was replaced, or somebody else appended to it. */
  async checkOwnership(): Promise<void> {
    await this.#queue;
    const [offset, ours] = [this.#offset, await onDisk(this.path, this.#file.status())];
    const named = await onDisk(this.path, statusOf(this.#ops, this.path));
    if (named === undefined || !isSameFile(named, ours)) throw new CheckpointError(this.path, 'it was replaced');
    const line = Buffer.alloc(this.#claim.line.length);
    await onDisk(this.path, this.#file.read(line, this.#claim.offset));
    // An append of our own may have come in between; a torn one of ours never counts.
    const grewByOthers = ours.size !== BigInt(offset) && this.#offset === offset && !this.#isTorn;
    if (grewByOthers || !line.equals(this.#claim.line)) {
      throw new CheckpointError(this.path, 'another process wrote to it');
    }
  }

  /** Closes the file after what is being appended; calls after the first do nothing. */
  async close(): Promise<void> {
    this.#closing ??= this.#queue.then(() => this.#file.close());
    await this.#closing;
  }
}

/** Reads the journal at `path`. Undefined when there is none, or when it is not a journal at all. */
export async function readJournal(ops: FileOps, path: string): Promise<JournalState | undefined> {
  const file = await openJournal(ops, path, OPEN_TO_READ);
  if (file === undefined) return undefined;
  try {
    const size = Number((await onDisk(path, file.status())).size);
    if (size > MAX_JOURNAL_BYTES) return undefined;
    const bytes = Buffer.alloc(size);
    const state = decodeJournal(bytes.subarray(0, await onDisk(path, file.read(bytes, 0))));
    if (state === 'newer') throw new CheckpointError(path, 'a later release of this library wrote it');
    return state;
  } finally {
    await file.close();
  }
}

async function openJournal(ops: FileOps, path: string, flags: number): Promise<OpenFile | undefined> {
  const file = await ops.open(path, flags).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (errorCode(error) === 'ELOOP') throw new CheckpointError(path, 'it is a symbolic link', { cause: error });
    throw new DiskError(path, error);
  });
  if (file === undefined) return undefined;
  try {
    const status = await onDisk(path, file.status());
    // Invariant: a checkpoint that somebody else can have written is never believed.
    const problem = linkProblem(status) ?? ownerProblem(status);
    if (problem !== undefined) throw new CheckpointError(path, `it ${problem}`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Starts a journal where there is none. */
export async function createJournal(ops: FileOps, path: string, header: HeaderRecord): Promise<JournalFile> {
  const file = await ops.open(path, OPEN_NEW, 0o600);
  const line = encodeRecord(0, header);
  try {
    await file.write([line], 0);
    return new JournalFile(ops, path, file, { offset: line.length, seq: 0 }, { offset: 0, line });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Goes on with a journal under a new epoch; rewrites it first when more than half of it says nothing any more. */
export async function resumeJournal(
  ops: FileOps,
  path: string,
  state: JournalState,
  epoch: string,
): Promise<JournalFile> {
  const live = encodeJournal({ ...state.header, epoch }, recordedRuns(state));
  const isWasteful = state.validBytes > 2 * live.bytes.length;
  if (isWasteful) await replaceJournal(ops, path, live.bytes);
  else await removeIfThere(ops, rewrittenPath(path));
  const file = await openJournal(ops, path, OPEN_EXISTING);
  if (file === undefined) throw new CheckpointError(path, 'it disappeared');
  try {
    if (isWasteful) {
      const line = encodeRecord(0, { ...state.header, epoch });
      return new JournalFile(ops, path, file, { offset: live.bytes.length, seq: live.seq }, { offset: 0, line });
    }
    const line = encodeRecord(state.seq + 1, { t: 'E', epoch });
    await file.truncate(state.validBytes);
    await file.write([line], state.validBytes);
    const end = { offset: state.validBytes + line.length, seq: state.seq + 1 };
    return new JournalFile(ops, path, file, end, { offset: state.validBytes, line });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Where a journal is rewritten. */
function rewrittenPath(path: string): string {
  return join(dirname(path), fitName(basename(path), '.new'));
}

/**
 * Removes a journal, and what a rewriting that was cut short has left of it.
 * @throws {DiskError} when it is there and cannot be removed
 */
export async function removeJournal(ops: FileOps, path: string): Promise<void> {
  await removeIfThere(ops, path);
  await removeIfThere(ops, rewrittenPath(path));
}

/** Invariant: a rewritten journal is whole and on disk before it takes the place of the old one. */
async function replaceJournal(ops: FileOps, path: string, bytes: Buffer): Promise<void> {
  const temporary = rewrittenPath(path);
  await removeIfThere(ops, temporary);
  const file = await ops.open(temporary, OPEN_NEW, 0o600);
  try {
    await file
      .write([bytes], 0)
      .then(() => file.datasync())
      .finally(() => file.close());
    await ops.rename(temporary, path);
  } catch (error) {
    await ops.unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(ops, dirname(path));
}
