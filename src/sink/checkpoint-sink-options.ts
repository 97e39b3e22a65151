/** The options of a checkpoint sink: names, defaults and checks. */

import type { ByteRange } from '../byte-range.js';
import { callListener } from '../call-listener.js';
import type { Durability } from '../download-options.js';
import { InvalidOptionError } from '../errors.js';
import type { ObjectInfo } from '../object-info.js';
import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkKeys,
  checkOneOf,
  checkPath,
  checkSignal,
  refuse,
  whenGiven,
} from '../option-checks.js';
import { MAX_TIMER_MS } from '../time.js';
import { CRC_ALGORITHMS, type CrcAlgorithm } from '../verify/crc-algorithm.js';
import type { Destination } from './destination.js';
import { type FileOps, nodeFileOps } from './file-ops.js';
import type { DestinationLock } from './lock.js';

/** How a file is written, recorded and published. */
export interface CheckpointSinkOptions {
  /** Names the source, as `source.identity` does: a checkpoint of another one is not used. @default '' */
  identity?: string | undefined;
  /** The bytes of the object that the file is to hold. @default the whole object */
  range?: ByteRange | undefined;
  /** Whether and where finished blocks are recorded. @default true: beside the destination */
  checkpoint?: boolean | string | undefined;
  /** What survives a power failure. @default 'checkpoint' */
  durability?: Durability | undefined;
  /** `false`: what is at the destination is never replaced. @default true */
  overwrite?: boolean | undefined;
  /** How long to wait for another live process that holds the destination, in milliseconds. @default 0 */
  lockWaitMs?: number | undefined;
  /** Resume although the server gives no strong ETag. @default false */
  allowUnvalidated?: boolean | undefined;
  /** The CRC of the blocks; a resumed file keeps the one that it began with. @default 'crc32' */
  checksumAlgorithm?: CrcAlgorithm | undefined;
  /** Ends the sink with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called after blocks were recorded, with the bytes that are recorded in all. */
  onCheckpointed?: ((completedBytes: number) => void) | undefined;
  /** Called when a checkpoint of an older state of the object was dropped. */
  onObjectChanged?: ((expectedEtag: string | undefined, actualEtag: string | undefined) => void) | undefined;
}

/** What the verbs add, and tests. */
export interface SinkSetup extends CheckpointSinkOptions {
  /** A lock of the destination, held already; the sink releases it, also when it cannot be opened. */
  lock?: DestinationLock | undefined;
  /** The destination, resolved already; then `checkpoint` only says whether to record. */
  destination?: Destination | undefined;
  /** All calls to the file system. @default Node's */
  fileOps?: FileOps | undefined;
}

type Optional = 'lock' | 'destination' | 'signal' | 'onCheckpointed' | 'onObjectChanged';
type Filled = Omit<SinkSetup, Optional | 'fileOps'>;

/** Options after the check: every default filled in. */
export type CheckedSinkOptions = { [K in keyof Filled]-?: NonNullable<Filled[K]> } & Pick<SinkSetup, Optional> & {
    readonly ops: FileOps;
  };

export const PUBLIC_SINK_KEYS: readonly (keyof CheckpointSinkOptions)[] = [
  'identity',
  'range',
  'checkpoint',
  'durability',
  'overwrite',
  'lockWaitMs',
  'allowUnvalidated',
  'checksumAlgorithm',
  'signal',
  'onCheckpointed',
  'onObjectChanged',
];

/** What a listener throws, at once or later, harms no bytes: it becomes a process warning, as with events. */
function checkListener<A extends unknown[]>(option: string, value: unknown): (...args: A) => void {
  const listener = checkFunction<(...args: A) => unknown>(option, value);
  return (...args) => callListener(listener, args);
}

/** @throws {InvalidOptionError} */
export function checkSinkOptions(object: ObjectInfo, options: SinkSetup = {}): CheckedSinkOptions {
  if (!Number.isSafeInteger(object?.size) || object.size < 0) {
    throw new InvalidOptionError('object', 'its size must be known before a file can be made of it');
  }
  if (object.lastModified !== undefined && !(object.lastModified instanceof Date)) {
    throw new InvalidOptionError('object', 'its lastModified must be a Date, which JSON makes a text of');
  }
  const { fileOps: ops = nodeFileOps, ...others } = options;
  const { identity = '', range = { start: 0, end: object.size }, checkpoint = true } = options;
  if (typeof identity !== 'string') refuse('identity', identity, 'a string');
  checkKeys('range', range, ['start', 'end']);
  const start = checkInteger('range.start', range.start, 0, object.size);
  const end = checkInteger('range.end', range.end, start, object.size);
  return {
    ...others,
    identity,
    range: { start, end },
    checkpoint: typeof checkpoint === 'boolean' ? checkpoint : checkPath('checkpoint', checkpoint),
    durability: checkOneOf('durability', options.durability ?? 'checkpoint', ['none', 'checkpoint', 'strict']),
    overwrite: checkBoolean('overwrite', options.overwrite ?? true),
    lockWaitMs: checkInteger('lockWaitMs', options.lockWaitMs ?? 0, 0, MAX_TIMER_MS),
    allowUnvalidated: checkBoolean('allowUnvalidated', options.allowUnvalidated ?? false),
    checksumAlgorithm: checkOneOf(
      'checksumAlgorithm',
      options.checksumAlgorithm ?? 'crc32',
      Object.keys(CRC_ALGORITHMS) as CrcAlgorithm[],
    ),
    ops,
    ...whenGiven('signal', options.signal, checkSignal),
    ...whenGiven('onCheckpointed', options.onCheckpointed, checkListener),
    ...whenGiven('onObjectChanged', options.onObjectChanged, checkListener),
  };
}
