/** The options of a download as a caller writes them: names, units, ranges and defaults. Their checks are in options.ts. */

import type { Dispatcher } from 'undici';
import type { AnnouncedChecksum } from './checksum.js';
import type { DownloadEvents, ListenerErrorHandler } from './events.js';

const MIB = 1024 * 1024;

export const DEFAULT_PART_SIZE: number = 5 * MIB;
export const MIN_PART_SIZE = 102_400;
export const MAX_PART_SIZE = 5_368_709_120;
export const MAX_DEFAULT_BUFFER_BYTES: number = 128 * MIB;

/** Preconditions on the object; checked by the store before the first byte is sent: else a ConditionNotMetError. */
export interface Conditions {
  /** Only the version with this ETag. As in a header, with its quotes. */
  readonly ifMatch?: string | undefined;
  /** Only another version than the one with this ETag; written like `ifMatch`. */
  readonly ifNoneMatch?: string | undefined;
  /** Only when it was changed after this moment, in whole seconds. */
  readonly ifModifiedSince?: Date | undefined;
  /** Only when it was not changed after this moment, in whole seconds. */
  readonly ifUnmodifiedSince?: Date | undefined;
}

/** When a failed request is sent again. What is left out has its default. */
export interface RetryOptions {
  /** Requests in a row without a new byte, per part; 1 .. 1000. @default 6 */
  readonly attempts?: number | undefined;
  /**
   * The most to wait before the second attempt, in ms; 0 .. 2^31-1. It doubles with each further one, and the wait is a
   * random share of it. @default 200
   */
  readonly baseDelayMs?: number | undefined;
  /** The most to wait before any attempt, in ms; 0 .. 2^31-1. A longer `Retry-After` is cut to it. @default 20_000 */
  readonly maxDelayMs?: number | undefined;
}

/** How long to wait for a server before the request is retried; in ms, 1 .. 2^31-1. What is left out has its default. */
export interface TimeoutOptions {
  /** For name lookup, TCP and TLS together; a `dispatcher` of the caller does these on its own. @default 10_000 */
  readonly connectMs?: number | undefined;
  /** From the request to the end of the response's header. @default 15_000 */
  readonly headersMs?: number | undefined;
  /** No byte from the server although we are reading. @default 20_000 */
  readonly stallMs?: number | undefined;
}

/** Options after their check: with every default filled in. */
export type Filled<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };

/** Options of every download. Numbers are integers. */
export interface DownloadOptions {
  /**
   * Bytes of one part, 102 400 .. 5 368 709 120: one ranged GET, or several where it is more than
   * `bufferBytes / concurrency`. @default 5 MiB, and more where that would be over 10 000 parts
   */
  readonly partSize?: number | undefined;
  /** Ranged GETs in flight; 1 .. 1000. @default 20 */
  readonly concurrency?: number | undefined;
  /**
   * The bytes to download, as offsets in the object; `end` is exclusive and more than `start`. Bytes past the
   * object's end are left out; a `start` past it is an error. @default the whole object
   */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
  /** What the object must be like to be downloaded at all. @default none */
  readonly conditions?: Conditions | undefined;
  /** What to do when the object is replaced while this call runs; 'restart' is for files only. @default 'fail' */
  readonly onObjectChanged?: 'fail' | 'restart' | undefined;
  /**
   * Budget for bytes requested but not yet handed on; at least 65 536 (64 KiB).
   * @default concurrency x partSize, at most 128 MiB
   */
  readonly bufferBytes?: number | undefined;
  /** When a failed request is sent again. */
  readonly retry?: RetryOptions | undefined;
  /** How long to wait for a server. */
  readonly timeouts?: TimeoutOptions | undefined;
  /** An attempt that brings less, over 10 s in which we were reading, is given up and retried; 0 = off. @default 1024 */
  readonly minBytesPerSecond?: number | undefined;
  /** Idle connections take over the tail of the slowest part. @default true */
  readonly hedge?: boolean | undefined;
  /** Rate limit of this download, all its connections together; at least 1. @default none */
  readonly maxBytesPerSecond?: number | undefined;
  /** 'auto' checks whatever the store offers, 'require' fails when it offers nothing. @default 'auto' */
  readonly verify?: 'auto' | 'require' | 'off' | undefined;
  /** Of the bytes asked for, in hex or base64 (crc64ecma also in decimal); always checked. @default none */
  readonly expectedChecksum?: AnnouncedChecksum | undefined;
  /** Permit parallel GETs and resume when the server gives no strong ETag. @default false */
  readonly allowUnvalidated?: boolean | undefined;
  /** Ends the download, which then rejects with the signal's reason, whatever that is. @default none */
  readonly signal?: AbortSignal | undefined;
  /** Made by createDownloadEvents(); one may serve many downloads. @default none */
  readonly events?: DownloadEvents | undefined;
  /** An undici Dispatcher (proxy, mock, custom TLS); then our own transport is not used. @default our own */
  readonly dispatcher?: Dispatcher | undefined;
  /** Called with what an event listener throws. @default a process warning */
  readonly onListenerError?: ListenerErrorHandler | undefined;
}

/** Options of {@link createDownloadStream}. */
export interface DownloadStreamOptions extends DownloadOptions {
  /**
   * Path: until the stream succeeds its bytes are kept in `<path>.part`, with a checkpoint, for the next process to
   * serve. @default none
   */
  readonly spool?: string | undefined;
}

/** Options of {@link downloadFile}. */
export interface DownloadFileOptions extends DownloadOptions {
  /** `false`: nothing is recorded and the temporary file is removed on failure; or the checkpoint's path. @default true */
  readonly checkpoint?: boolean | string | undefined;
  /** How much of an unfinished download a power failure may cost. @default 'checkpoint' */
  readonly durability?: Durability | undefined;
  /** `false`: an existing destination is an error before the first GET. @default true */
  readonly overwrite?: boolean | undefined;
  /** How long to wait for another live process that holds the destination, in ms; 0 .. 2^31-1. @default 0 */
  readonly lockWaitMs?: number | undefined;
}

/**
 * When bytes and records are synced to the disk. A finished file always is, before it gets its name; and after a kill
 * without a power failure every record is there.
 *
 * - 'none': an unfinished download is never synced.
 * - 'checkpoint': every 10 s (macOS: 30 s) or 256 MiB.
 * - 'strict': the bytes before each record of them, and the record after it.
 */
export type Durability = 'none' | 'checkpoint' | 'strict';
