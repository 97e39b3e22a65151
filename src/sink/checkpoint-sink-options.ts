/** The options of a checkpoint sink: names, defaults and checks. */

import type { ByteRange } from '../byte-range.js';
import type { Durability } from '../download-options.js';
import { InvalidOptionError } from '../errors.js';
import type { ObjectInfo } from '../object-info.js';
import { checkBoolean, checkInteger, checkKeys, checkOneOf, checkText, refuse } from '../option-checks.js';
import { CRC_ALGORITHMS, type CrcAlgorithm } from '../verify/crc-algorithm.js';
import type { Destination } from './destination.js';
import { type FileOps, nodeFileOps } from './file-ops.js';
import type { DestinationLock } from './lock.js';

/** How a file is written, recorded and published. */
export interface CheckpointSinkOptions {
  /** Names the source, as `source.identity` does: a checkpoint of another one is not used. @default '' */
  identity?: string;
  /** The bytes of the object that the file is to hold. @default the whole object */
  range?: ByteRange;
  /** Whether and where finished blocks are recorded. @default true: beside the destination */
  checkpoint?: boolean | string;
  /** What survives a power failure. @default 'checkpoint' */
  durability?: Durability;
  /** `false`: what is at the destination is never replaced. @default true */
  overwrite?: boolean;
  /** How long to wait for another live process that holds the destination, in milliseconds. @default 0 */
  lockWaitMs?: number;
  /** Resume although the server gives no strong ETag. @default false */
  allowUnvalidated?: boolean;
  /** The CRC of the blocks; a resumed file keeps the one that it began with. @default 'crc32' */
  checksumAlgorithm?: CrcAlgorithm;
  /** A lock of the destination, held already; the sink releases it, also when it cannot be opened. */
  lock?: DestinationLock;
  /** The destination, resolved already; then `checkpoint` only says whether to record. */
  destination?: Destination;
  /** All calls to the file system. @default Node's */
  fileOps?: FileOps;
  /** Ends the sink with `signal.reason`. */
  signal?: AbortSignal;
  /** Called after blocks were recorded, with the bytes that are recorded in all. */
  onCheckpointed?: (completedBytes: number) => void;
  /** Called when a checkpoint of an older state of the object was dropped. */
  onObjectChanged?: (expectedEtag: string | undefined, actualEtag: string | undefined) => void;
}

type Optional = 'lock' | 'destination' | 'signal' | 'onCheckpointed' | 'onObjectChanged';

/** Options after the check: every default filled in. */
export type CheckedSinkOptions = Required<Omit<CheckpointSinkOptions, Optional>> &
  Pick<CheckpointSinkOptions, Optional>;

const KEYS: readonly (keyof CheckpointSinkOptions)[] = [
  'identity',
  'range',
  'checkpoint',
  'durability',
  'overwrite',
  'lockWaitMs',
  'allowUnvalidated',
  'checksumAlgorithm',
  'lock',
  'destination',
  'fileOps',
  'signal',
  'onCheckpointed',
  'onObjectChanged',
];

/** @throws {InvalidOptionError} */
export function checkSinkOptions(object: ObjectInfo, options: CheckpointSinkOptions = {}): CheckedSinkOptions {
  checkKeys('options', options, KEYS);
  if (!Number.isSafeInteger(object.size) || object.size < 0) {
    throw new InvalidOptionError('object', 'its size must be known before a file can be made of it');
  }
  const { identity = '', range = { start: 0, end: object.size }, checkpoint = true } = options;
  if (typeof identity !== 'string') refuse('identity', identity, 'a string');
  const start = checkInteger('range.start', range.start, 0, object.size);
  const end = checkInteger('range.end', range.end, start, object.size);
  return {
    ...options,
    identity,
    range: { start, end },
    checkpoint: typeof checkpoint === 'boolean' ? checkpoint : checkText('checkpoint', checkpoint),
    durability: checkOneOf('durability', options.durability ?? 'checkpoint', ['none', 'checkpoint', 'strict']),
    overwrite: checkBoolean('overwrite', options.overwrite ?? true),
    lockWaitMs: checkInteger('lockWaitMs', options.lockWaitMs ?? 0, 0, Number.MAX_SAFE_INTEGER),
    allowUnvalidated: checkBoolean('allowUnvalidated', options.allowUnvalidated ?? false),
    checksumAlgorithm: checkOneOf(
      'checksumAlgorithm',
      options.checksumAlgorithm ?? 'crc32',
      Object.keys(CRC_ALGORITHMS) as CrcAlgorithm[],
    ),
    fileOps: options.fileOps ?? nodeFileOps,
  };
}
