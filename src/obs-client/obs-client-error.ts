/**
 * The error of the drop-in: an Error that reads like the SDK's string, `Code:Message`. Refuses to invent codes: they are
 * the SDK's, the store's, or the system's.
 */

/** What is known about a failure beside its code and message. */
export interface ObsClientErrorDetails {
  /** HTTP status, where the store answered. */
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  /** The error of this library, with all that it knows. */
  readonly cause?: unknown;
}

/**
 * What a callback gets as `err`, and what a promise rejects with. `String(err)` and `message` are `Code:Message`.
 * `cause` is the library's own error, where there is one.
 */
export class ObsClientError extends Error {
  static {
    // So that String(err) is the message alone, as the SDK's error strings are.
    ObsClientError.prototype.name = '';
  }

  /** `InvalidArgument`, `GetObjectSizeError`, `DownloadFileFailed`, `IncompletedDownload`, `Download suspened`, the store's own, ... */
  readonly code: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;

  constructor(code: string, message: string, details: ObsClientErrorDetails = {}) {
    super(`${code}:${message}`, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.requestId = details.requestId;
  }
}

/** The SDK's error for a wrong argument. */
export function invalidArgument(message: string, cause?: unknown): ObsClientError {
  return new ObsClientError('InvalidArgument', message, { cause });
}
