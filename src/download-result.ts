/** What a finished download says about itself. */

import type { ByteRange } from './byte-range.js';
import type { ChecksumAlgorithm } from './checksum.js';
import type { ObjectInfo } from './object-info.js';

/** What was checked, against what, or why nothing was. */
export type Verification = VerifiedBytes | UnverifiedBytes;

/** All bytes that were asked for were compared with a checksum of them, and are right. */
export interface VerifiedBytes {
  readonly scope: 'object';
  readonly algorithm: ChecksumAlgorithm;
  /** Who announced the checksum. */
  readonly origin: 'store' | 'caller';
  /** The checksum, as it was announced. */
  readonly value: string;
  readonly reason?: undefined;
}

/** There was no checksum to compare the bytes with, or `verify` is 'off'. */
export interface UnverifiedBytes {
  readonly scope: 'none';
  readonly algorithm?: undefined;
  readonly origin?: undefined;
  readonly value?: undefined;
  /** Why nothing was checked. */
  readonly reason: string;
}

/** The outcome of a download. */
export interface DownloadResult {
  /** Absolute path of the file; not there for a stream. */
  readonly path?: string;
  readonly object: ObjectInfo;
  /** The bytes that were asked for. */
  readonly range: ByteRange;
  /** Body bytes received from the network by this call. */
  readonly transferredBytes: number;
  /** Bytes that were already on disk, verified. */
  readonly resumedBytes: number;
  /** HTTP requests that were sent, those that followed a redirect included. */
  readonly requests: number;
  /** Requests that were sent because one before them failed. */
  readonly retries: number;
  /** How often another connection took over the tail of a part. */
  readonly hedges: number;
  /** From the call to its success. */
  readonly elapsedMs: number;
  readonly verification: Verification;
}
