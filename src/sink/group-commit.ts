/**
 * When written blocks become records, and when both become durable: records within 100 ms, a sync of data and then of
 * the journal now and then. Refuses to record anything once the data may be damaged.
 */

import type { Durability } from '../download-options.js';
import { DiskError } from '../errors.js';
import { after, type Timer } from '../time.js';
import type { BlockLedger } from './block-ledger.js';
import type { FileOps } from './file-ops.js';
import type { JournalFile } from './journal-file.js';
import { blockRecords, type JournalRecord } from './journal-record.js';
import type { PartFile } from './part-file.js';

export interface GroupCommitContext {
  readonly ops: FileOps;
  readonly ledger: BlockLedger;
  readonly part: PartFile;
  /** Undefined when nothing is recorded. */
  readonly journal: JournalFile | undefined;
  readonly durability: Durability;
  /** Rejects when the files are not ours any more. */
  checkFence(): Promise<void>;
  onRecorded(recordedBytes: number): void;
  /** A failure that no caller of a method waits for. */
  onFailure(error: unknown): void;
}

/** A kill may cost 100 ms of traffic: most of it is left for a late timer, the write, and what is in the sockets. */
const RECORD_DELAY_MS = 10;
/** With 'strict' every record costs two syncs. */
const STRICT_RECORD_DELAY_MS = 100;
const COMMIT_BYTES = 256 * 1024 * 1024;
/** A sync is slow on macOS, where it empties the drive's own cache. */
const COMMIT_DELAY_MS = process.platform === 'darwin' ? 30_000 : 10_000;

export class GroupCommit {
  readonly #context: GroupCommitContext;
  #recordTimer: Timer | undefined;
  #commitTimer: Timer | undefined;
  #recording: Promise<void> = Promise.resolve();
  #committing: Promise<void> | undefined;
  #bytesSinceCommit = 0;
  /** The last record whose blocks are known to be on disk. */
  #committedSeq = 0;
  #isStopped = false;

  constructor(context: GroupCommitContext) {
    this.#context = context;
  }

  /** So many bytes were written and settled in the ledger. */
  noteWritten(byteCount: number): void {
    if (this.#isStopped) return;
    const { ledger, journal, durability } = this.#context;
    this.#bytesSinceCommit += byteCount;
    const delayMs = durability === 'strict' ? STRICT_RECORD_DELAY_MS : RECORD_DELAY_MS;
    if (ledger.hasUnrecorded) this.#recordTimer ??= after(delayMs, () => this.#inBackground(this.record()));
    if (durability !== 'checkpoint' || journal === undefined) return;
    this.#commitTimer ??= after(COMMIT_DELAY_MS, () => this.#inBackground(this.commit()));
    if (this.#bytesSinceCommit >= COMMIT_BYTES) this.#inBackground(this.commit());
  }

  /** Records every block that was written so far. */
  record(): Promise<void> {
    const recorded = this.#recording.then(() => this.#record());
    this.#recording = recorded.catch(() => undefined);
    return recorded;
  }

  async #record(): Promise<void> {
    this.#recordTimer?.stop();
    this.#recordTimer = undefined;
    const { ledger, journal, durability } = this.#context;
    if (this.#isStopped || !ledger.hasUnrecorded) return;
    // Invariant: a block is recorded only after the write of its last byte has succeeded.
    const runs = ledger.takeUnrecorded();
    if (journal !== undefined) {
      if (durability === 'strict') {
        await this.#context.checkFence();
        await this.syncData((part) => part.datasync());
        if (this.#isStopped) return;
      }
      await journal.append(blockRecords(runs, ledger.crc.algorithm));
    }
    ledger.markRecorded(runs);
    if (journal === undefined) return;
    if (durability === 'strict') {
      this.#committedSeq = journal.seq;
      await journal.datasync();
    }
    this.#context.onRecorded(ledger.recordedBytes);
  }

  /** Records again what the ledger holds: blocks that turned out to be damaged are recorded no more. */
  async recordAgain(): Promise<void> {
    const { ledger, journal } = this.#context;
    const recorded = this.#recording.then(async () => {
      if (this.#isStopped || journal === undefined) return;
      await journal.append([{ t: 'R' }, ...blockRecords(ledger.recordedRuns(), ledger.crc.algorithm)]);
    });
    // Where that fails, the next process finds the damage, too.
    this.#recording = recorded.catch(() => undefined);
    await this.#recording;
  }

  /** No record counts any more. */
  async forget(): Promise<void> {
    await this.#tellOrRemove({ t: 'R' });
  }

  /** Makes what was recorded so far durable. */
  commit(): Promise<void> {
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  async #commit(): Promise<void> {
    this.#commitTimer?.stop();
    this.#commitTimer = undefined;
    this.#bytesSinceCommit = 0;
    await this.#context.checkFence();
    await this.record();
    if (this.#isStopped) return;
    const seq = this.#context.journal?.seq ?? 0;
    await this.syncData((part) => part.datasync());
    this.#committedSeq = seq;
    await this.#context.journal?.datasync();
  }

  /** Runs a sync or the close of the data; when it fails, no record since the last good sync is believed any more. */
  async syncData(run: (part: PartFile) => Promise<void>): Promise<void> {
    try {
      await run(this.#context.part);
    } catch (error) {
      throw await this.#distrust(error);
    }
  }

  /** Records nothing more from now on; resolves when nothing goes on in the background. */
  async end(): Promise<void> {
    this.#stop();
    await this.#recording;
    await this.#committing?.catch(() => undefined);
  }

  #stop(): void {
    this.#isStopped = true;
    this.#recordTimer?.stop();
    this.#commitTimer?.stop();
  }

  // Invariant: after a failed sync the journal says so before anybody can resume from blocks that only the cache holds.
  async #distrust(error: unknown): Promise<unknown> {
    this.#stop();
    return await this.#tellOrRemove({ t: 'F', fromSeq: this.#committedSeq }).then(
      () => error,
      (second: unknown) => second,
    );
  }

  /** Invariant: records that are not true any more are taken back on disk, or the journal goes. */
  async #tellOrRemove(record: JournalRecord): Promise<void> {
    const { ops, part, journal } = this.#context;
    if (journal === undefined) return;
    try {
      await journal.append([record]);
      await journal.datasync();
    } catch (error) {
      try {
        await ops.unlink(journal.path);
      } catch {
        const cause = error instanceof DiskError ? error.cause : error;
        throw new DiskError(
          part.path,
          cause,
          `${journal.path} is wrong and could not be removed; remove both before the next try`,
        );
      }
    }
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.#context.onFailure(error));
  }
}
