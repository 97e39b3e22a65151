/** The options of a download as a caller writes them: names, units, ranges and defaults. Their checks are in options.ts. */

import type { Dispatcher } from 'undici';
import type { AnnouncedChecksum } from './checksum.js';
import type { DownloadEvents, ListenerErrorHandler } from './events.js';

const MIB = 1024 * 1024;

export const DEFAULT_PART_SIZE: number = 5 * MIB;
export const MIN_PART_SIZE = 102_400;
export const MAX_PART_SIZE = 5_368_709_120;
export const MAX_DEFAULT_BUFFER_BYTES: number = 128 * MIB;

/** Preconditions on the object; checked by the store before the first byte is sent. */
export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: Date | undefined;
  readonly ifUnmodifiedSince?: Date | undefined;
}

/** When a failed request is sent again. */
export interface RetryOptions {
  /** Requests in a row without a new byte, per part; 1 .. 1000. @default 6 */
  readonly attempts: number;
  /** @default 200 */
  readonly baseDelayMs: number;
  /** @default 20_000 */
  readonly maxDelayMs: number;
}

export interface TimeoutOptions {
  /** @default 10_000 */
  readonly connectMs: number;
  /** From the request to the end of the response's header. @default 15_000 */
  readonly headersMs: number;
  /** No byte from the server although we are reading. @default 20_000 */
  readonly stallMs: number;
}

/** Options of every download. */
export interface DownloadOptions {
  /**
   * Bytes of one part, 102 400 .. 5 368 709 120: one ranged GET, or several where it is more than
   * `bufferBytes / concurrency`. @default 5 MiB, and more where that would be over 10 000 parts
   */
  readonly partSize?: number | undefined;
  /** Ranged GETs in flight; 1 .. 1000. @default 20 */
  readonly concurrency?: number | undefined;
  /** The bytes to download; `end` is exclusive. @default the whole object */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
  readonly conditions?: Conditions | undefined;
  /** What to do when the object is replaced while this call runs; 'restart' is for files only. @default 'fail' */
  readonly onObjectChanged?: 'fail' | 'restart' | undefined;
  /** Budget for bytes requested but not yet handed on. @default concurrency x partSize, at most 128 MiB */
  readonly bufferBytes?: number | undefined;
  readonly retry?: Partial<RetryOptions> | undefined;
  readonly timeouts?: Partial<TimeoutOptions> | undefined;
  /** Below this for 10 s an attempt is given up and retried; 0 = off. @default 1024 */
  readonly minBytesPerSecond?: number | undefined;
  /** Idle connections take over the tail of the slowest part. @default true */
  readonly hedge?: boolean | undefined;
  /** Rate limit of this download. @default none */
  readonly maxBytesPerSecond?: number | undefined;
  /** 'auto' checks whatever the store offers, 'require' fails when it offers nothing. @default 'auto' */
  readonly verify?: 'auto' | 'require' | 'off' | undefined;
  /** Known to the caller, in hex or base64 (crc64ecma also in decimal); always checked. */
  readonly expectedChecksum?: AnnouncedChecksum | undefined;
  /** Permit parallel GETs and resume when the server gives no strong ETag. @default false */
  readonly allowUnvalidated?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly events?: DownloadEvents | undefined;
  /** An undici Dispatcher (proxy, mock, custom TLS); then our own transport is not used. */
  readonly dispatcher?: Dispatcher | undefined;
  /** Called when an event listener throws. @default a process warning */
  readonly onListenerError?: ListenerErrorHandler | undefined;
}

/** Options of {@link createDownloadStream}. */
export interface DownloadStreamOptions extends DownloadOptions {
  /** Path: until the stream succeeds its bytes are kept in `<path>.part`, with a checkpoint, for the next process to serve. */
  readonly spool?: string | undefined;
}

/** Options of {@link downloadFile}. */
export interface DownloadFileOptions extends DownloadOptions {
  /** `false`: nothing is recorded and the temporary file is removed on failure; or the checkpoint's path. @default true */
  readonly checkpoint?: boolean | string | undefined;
  /** @default 'checkpoint' */
  readonly durability?: Durability | undefined;
  /** `false`: an existing destination is an error before the first GET. @default true */
  readonly overwrite?: boolean | undefined;
  /** Milliseconds to wait for another live process that holds the destination. @default 0 */
  readonly lockWaitMs?: number | undefined;
}

/** When bytes and records are synced to the disk. */
export type Durability = 'none' | 'checkpoint' | 'strict';
