/** The errors of this library as one type, which `code` tells apart. Holds no code. */

import type {
  AccessDeniedError,
  CheckpointError,
  ChecksumError,
  ConditionNotMetError,
  DestinationError,
  DiskError,
  InvalidOptionError,
  LockedError,
  NetworkError,
  NotFoundError,
  ObjectChangedError,
  PartFailedError,
  ProtocolError,
  RedirectError,
  StoreError,
  TimeoutError,
} from './errors.js';

/** Every error of this library: `code` tells which one it is, and with it which fields it has. */
export type AnyDownloadError =
  | InvalidOptionError
  | NotFoundError
  | AccessDeniedError
  | ConditionNotMetError
  | ObjectChangedError
  | StoreError
  | ProtocolError
  | NetworkError
  | TimeoutError
  | RedirectError
  | PartFailedError
  | ChecksumError
  | CheckpointError
  | LockedError
  | DiskError
  | DestinationError;
