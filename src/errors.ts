/**
 * Every error that leaves this library, apart from an abort (which rejects with `signal.reason`). `code` is API,
 * `message` is not. Refuses to carry secrets: messages are built from names, numbers and sanitised server text only.
 */

import type { AnyDownloadError } from './any-download-error.js';
import type { ChecksumAlgorithm } from './checksum.js';
import { errorCode } from './error-code.js';
import type { Part } from './part.js';
import { sanitizeText } from './redact.js';

/** The `code` of a {@link DownloadError}. */
export type DownloadErrorCode =
  | 'PS_ERR_INVALID_OPTION'
  | 'PS_ERR_NOT_FOUND'
  | 'PS_ERR_ACCESS_DENIED'
  | 'PS_ERR_CONDITION'
  | 'PS_ERR_OBJECT_CHANGED'
  | 'PS_ERR_STORE'
  | 'PS_ERR_PROTOCOL'
  | 'PS_ERR_NETWORK'
  | 'PS_ERR_TIMEOUT'
  | 'PS_ERR_REDIRECT'
  | 'PS_ERR_PART_FAILED'
  | 'PS_ERR_CHECKSUM'
  | 'PS_ERR_CHECKPOINT'
  | 'PS_ERR_LOCKED'
  | 'PS_ERR_DISK'
  | 'PS_ERR_DESTINATION';

/** The base of all errors of this library; {@link AnyDownloadError} names them. */
export abstract class DownloadError extends Error {
  abstract readonly code: DownloadErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Tells whether an error comes from this library; works across copies of the package in one process. */
export function isDownloadError(error: unknown): error is AnyDownloadError {
  try {
    return error instanceof DownloadError || errorCode(error)?.startsWith('PS_ERR_') === true;
  } catch {
    // What somebody else threw may throw when it is looked at.
    return false;
  }
}

/** An option is wrong. Thrown before any request or file. */
export class InvalidOptionError extends DownloadError {
  readonly code = 'PS_ERR_INVALID_OPTION';
  /** Dotted path of the option, for example `retry.attempts`. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super(`${option}: ${problem}`);
    this.option = option;
  }
}

/** What a store said when it refused a request. */
export interface StoreAnswer {
  readonly statusCode: number;
  /** The store's own error code, for example `NoSuchKey`, when it sent one. */
  readonly storeCode?: string | undefined;
  /** The store's own words, sanitised. */
  readonly storeMessage?: string | undefined;
  readonly requestId?: string | undefined;
}

abstract class StoreAnswerError extends DownloadError {
  readonly statusCode: number;
  readonly storeCode: string | undefined;
  readonly storeMessage: string | undefined;
  readonly requestId: string | undefined;

  constructor(message: string, answer: StoreAnswer, options?: ErrorOptions) {
    super(message, options);
    this.statusCode = answer.statusCode;
    this.storeCode = answer.storeCode;
    this.storeMessage = answer.storeMessage;
    this.requestId = answer.requestId;
  }
}

/** The object, its bucket or its version does not exist (404, 410). */
export class NotFoundError extends StoreAnswerError {
  readonly code = 'PS_ERR_NOT_FOUND';
}

/** The store refuses access (401, 403, and 400 for credentials that have expired). `storeCode` is `InvalidObjectState` for an archived object. */
export class AccessDeniedError extends StoreAnswerError {
  readonly code = 'PS_ERR_ACCESS_DENIED';
}

/**
 * The store refused for another reason; retried inside where that can help (408, 409 OperationAborted, 425,
 * 429, and 5xx but 501 and 505).
 */
export class StoreError extends StoreAnswerError {
  readonly code = 'PS_ERR_STORE';
  /** What `Retry-After` asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, answer: StoreAnswer, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, answer, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** A condition of the caller does not hold (304 or 412). */
export class ConditionNotMetError extends StoreAnswerError {
  readonly code = 'PS_ERR_CONDITION';
  declare readonly statusCode: 304 | 412;
  /** The condition that failed, or the only ones that can have failed, joined by a comma. */
  readonly condition: string;

  constructor(statusCode: 304 | 412, condition: string, answer?: Omit<StoreAnswer, 'statusCode'>) {
    super(`the object does not meet the condition ${condition} (HTTP ${statusCode})`, { ...answer, statusCode });
    this.condition = condition;
  }
}

/** The object is no longer the one that this download is bound to. */
export class ObjectChangedError extends DownloadError {
  readonly code = 'PS_ERR_OBJECT_CHANGED';
  readonly expectedEtag: string | undefined;
  readonly actualEtag: string | undefined;

  constructor(message: string, expectedEtag: string | undefined, actualEtag: string | undefined) {
    super(message);
    this.expectedEtag = expectedEtag;
    this.actualEtag = actualEtag;
  }
}

/** The server broke HTTP, or answered something else than it was asked for. Retried once. */
export class ProtocolError extends DownloadError {
  readonly code = 'PS_ERR_PROTOCOL';
}

/** The connection failed, or was cut. Retried from the byte reached, but never when a certificate does not verify. */
export class NetworkError extends DownloadError {
  readonly code = 'PS_ERR_NETWORK';
}

/** The phase of an attempt that ran out of time. */
export type TimeoutPhase = 'connect' | 'headers' | 'stall';

/** The server did not answer, or did not send, in time. Retried from the byte reached. */
export class TimeoutError extends DownloadError {
  readonly code = 'PS_ERR_TIMEOUT';
  readonly phase: TimeoutPhase;

  constructor(phase: TimeoutPhase, message: string, options?: ErrorOptions) {
    super(message, options);
    this.phase = phase;
  }
}

/** A redirect that our rules do not allow, or too many of them. */
export class RedirectError extends DownloadError {
  readonly code = 'PS_ERR_REDIRECT';
}

/** A part could not be fetched within its retries; `cause` is the last error. */
export class PartFailedError extends DownloadError {
  readonly code = 'PS_ERR_PART_FAILED';
  readonly part: Part;
  /** Requests in a row that brought no new byte. */
  readonly attempts: number;

  constructor(part: Part, attempts: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const last = Number.isFinite(part.end) ? part.end - 1 : 'the end';
    super(`bytes ${part.start}-${last} failed after ${attempts} attempts without a new byte: ${reason}`, {
      cause,
    });
    this.part = part;
    this.attempts = attempts;
  }
}

/** The bytes are not the ones that the store or the caller announced. */
export class ChecksumError extends DownloadError {
  readonly code = 'PS_ERR_CHECKSUM';
  readonly algorithm: ChecksumAlgorithm;
  readonly expected: string | undefined;
  readonly actual: string | undefined;

  constructor(message: string, algorithm: ChecksumAlgorithm, expected?: string, actual?: string) {
    super(message);
    this.algorithm = algorithm;
    this.expected = expected;
    this.actual = actual;
  }
}

/** The checkpoint cannot be used, and going on would lose or mix something. */
export class CheckpointError extends DownloadError {
  readonly code = 'PS_ERR_CHECKPOINT';
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`the checkpoint ${path} cannot be used: ${reason}`, options);
    this.path = path;
    this.reason = reason;
  }
}

/** Another live download holds the destination. */
export class LockedError extends DownloadError {
  readonly code = 'PS_ERR_LOCKED';
  readonly path: string;

  constructor(path: string, detail: string, options?: ErrorOptions) {
    super(`${path} is locked: ${detail}`, options);
    this.path = path;
  }
}

/** The local disk failed (ENOSPC, EIO, ...); what was recorded stays and the next call goes on from there. */
export class DiskError extends DownloadError {
  readonly code = 'PS_ERR_DISK';
  readonly path: string;

  constructor(path: string, cause: unknown, detail?: string) {
    super(`${path}: ${detail ?? (cause instanceof Error ? cause.message : String(cause))}`, { cause });
    this.path = path;
  }
}

/** Why a destination was refused. */
export type DestinationReason = 'exists' | 'outside' | 'directory' | 'symlink';

/** The file cannot be written where it was asked for. */
export class DestinationError extends DownloadError {
  readonly code = 'PS_ERR_DESTINATION';
  readonly path: string;
  readonly reason: DestinationReason;

  constructor(path: string, reason: DestinationReason, detail: string, options?: ErrorOptions) {
    super(`${sanitizeText(path, 1024)}: ${detail}`, options);
    this.path = path;
    this.reason = reason;
  }
}
