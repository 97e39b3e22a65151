/**
 * Which object a journal's blocks belong to. Refuses to take blocks of one object, version or range for those of
 * another: what cannot be told apart is not resumed.
 */

import { createHash, randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { type ByteRange, byteLength } from '../byte-range.js';
import { isStrongEtag, type ObjectInfo } from '../object-info.js';
import type { CrcAlgorithm } from '../verify/crc-algorithm.js';
import { blockBytesFor } from './block-ledger.js';
import type { Destination } from './destination.js';
import { type HeaderRecord, JOURNAL_VERSION } from './journal-record.js';

/** What the file is to hold. */
export interface CheckpointSubject {
  /** Names the source; never a secret. */
  readonly identity: string;
  readonly object: ObjectInfo;
  readonly range: ByteRange;
  readonly destination: Pick<Destination, 'path'>;
  readonly allowUnvalidated: boolean;
}

/** Random, new in every process that writes. */
export function newEpoch(): string {
  return randomBytes(16).toString('hex');
}

/** How a source's identity stands in a journal. */
export function hashIdentity(identity: string): string {
  return createHash('sha256').update(identity).digest('hex');
}

/** The first record of a new journal. */
export function headerFor(subject: CheckpointSubject, crc: CrcAlgorithm): HeaderRecord {
  const { identity, object, range, destination } = subject;
  return {
    t: 'H',
    v: JOURNAL_VERSION,
    epoch: newEpoch(),
    id: hashIdentity(identity),
    size: object.size,
    etag: bounded(object.etag),
    version: bounded(object.versionId),
    modified: object.lastModified?.getTime() ?? null,
    range: [range.start, range.end],
    block: blockBytesFor(byteLength(range)),
    crc,
    base: basename(destination.path),
  };
}

/**
 * `same`: the blocks may be used. `changed`: they are of another state of the same object. `other`: they are of
 * something else, or nobody can tell.
 */
export function compareBinding(header: HeaderRecord, subject: CheckpointSubject): 'same' | 'changed' | 'other' {
  const expected = headerFor(subject, header.crc);
  // Invariant: which object it is comes from the caller alone; a journal that names another one is never obeyed.
  if (header.id !== expected.id || header.base !== expected.base) return 'other';
  const { version } = header;
  const isOtherVersion = version !== null && expected.version !== null && version !== expected.version;
  if (header.size !== expected.size || header.etag !== expected.etag || isOtherVersion) return 'changed';
  if (header.range.some((edge, index) => edge !== expected.range[index])) return 'other';
  // Invariant: without a strong ETag nothing is resumed, unless the caller allows it.
  if (isStrongEtag(subject.object.etag)) return 'same';
  return subject.allowUnvalidated && header.modified === expected.modified ? 'same' : 'other';
}

/** Keeps the header's line short whatever a server sends. */
function bounded(text: string | undefined): string | null {
  if (text === undefined || text.length <= 512) return text ?? null;
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
