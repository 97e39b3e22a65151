/**
 * From this library's errors to the SDK's codes. Refuses to lose anything: the error itself stays as the `cause`.
 */

import { STATUS_CODES } from 'node:http';
import { errorCode } from '../error-code.js';
import {
  AccessDeniedError,
  CheckpointError,
  ConditionNotMetError,
  DestinationError,
  DiskError,
  InvalidOptionError,
  LockedError,
  NotFoundError,
  PartFailedError,
  StoreError,
  TimeoutError,
} from '../errors.js';
import { messageOf } from '../message-of.js';
import { invalidArgument, ObsClientError } from './obs-client-error.js';

/** How far a download was when it failed. */
export interface DownloadStage {
  /** The object was found, and its parts were being fetched. */
  readonly isDiscovered: boolean;
  /** What was fetched is kept, and the next call goes on from there. */
  readonly isResumable: boolean;
}

type Refusal = AccessDeniedError | NotFoundError | StoreError | ConditionNotMetError;

/** What a failed `downloadFile` says. */
export function downloadFailure(error: unknown, { isDiscovered, isResumable }: DownloadStage): ObsClientError {
  if (error instanceof ObsClientError) return error;
  if (error instanceof InvalidOptionError) return invalidArgument(error.message, error);
  if (error instanceof DestinationError && error.reason === 'outside') return invalidArgument(error.message, error);
  const root = rootOf(error);
  if (isRefusal(root) && root.statusCode < 500) {
    return new ObsClientError(refusalCode(root), root.storeMessage ?? root.message, {
      ...answerOf(root),
      cause: error,
    });
  }
  return new ObsClientError(codeOf(error, isDiscovered, isResumable), messageOf(error), {
    ...answerOf(root),
    cause: error,
  });
}

/** What a failed `getObjectMetadata` says: the SDK hands on Node's own error, with its code. */
export function requestFailure(error: unknown): ObsClientError {
  if (error instanceof ObsClientError) return error;
  if (error instanceof InvalidOptionError) return invalidArgument(error.message, error);
  const root = rootOf(error);
  return new ObsClientError(systemCode(root), messageOf(root), { cause: root });
}

function codeOf(error: unknown, isDiscovered: boolean, isResumable: boolean): string {
  if (error instanceof CheckpointError) return 'ReadCheckpointFileError';
  // Calling again with the same parameters would fail in the same way.
  if (isLocal(error, isDiscovered)) return 'DownloadFileFailed';
  if (!isDiscovered) return 'GetObjectSizeError';
  return isResumable ? 'IncompletedDownload' : 'DownloadFileFailed';
}

/** What the disk says while it is full, failing or busy; anything else it would say again, as often as it is asked. */
const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'EBUSY']);

function isLocal(error: unknown, isDiscovered: boolean): boolean {
  if (!(error instanceof DiskError)) return error instanceof DestinationError || error instanceof LockedError;
  const code = errorCode(error.cause);
  // Without a code another process has touched the file: the next call starts afresh.
  return !isDiscovered || (code !== undefined && !PASSING.has(code));
}

function rootOf(error: unknown): unknown {
  return error instanceof PartFailedError ? error.cause : error;
}

function isRefusal(error: unknown): error is Refusal {
  return [AccessDeniedError, NotFoundError, StoreError, ConditionNotMetError].some((kind) => error instanceof kind);
}

/** The store's code; a HEAD or a 304 may bring none, and then the SDK says nothing but a colon. */
function refusalCode({ storeCode, statusCode }: Refusal): string {
  return storeCode ?? (STATUS_CODES[statusCode] ?? `HttpStatus${statusCode}`).replaceAll(/[^A-Za-z\d]/g, '');
}

function answerOf(error: unknown): { status?: number; requestId?: string | undefined } {
  return isRefusal(error) ? { status: error.statusCode, requestId: error.requestId } : {};
}

/** ECONNREFUSED, CERT_HAS_EXPIRED, ...: the innermost code that is not this library's own. */
function systemCode(error: unknown): string {
  if (error instanceof TimeoutError) return 'ETIMEDOUT';
  let code = 'RequestFailed';
  for (let at = error; at instanceof Error; at = at.cause) {
    const own = errorCode(at);
    if (own !== undefined && !own.startsWith('PS_ERR_')) code = own;
  }
  return code;
}
