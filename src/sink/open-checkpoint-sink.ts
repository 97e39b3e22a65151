/** Opens the way to a file: resolves and locks the destination, and finds out what is there already. */

import { errorCode } from '../error-code.js';
import { DiskError, isDownloadError } from '../errors.js';
import type { ObjectInfo } from '../object-info.js';
import { checkKeys, checkPath } from '../option-checks.js';
import { CheckpointSink } from './checkpoint-sink.js';
import {
  type CheckpointSinkOptions,
  checkSinkOptions,
  PUBLIC_SINK_KEYS,
  type SinkSetup,
} from './checkpoint-sink-options.js';
import { type Destination, resolveDestination } from './destination.js';
import { acquireDestinationLock } from './lock.js';
import { openCheckpoint } from './open-checkpoint.js';

/**
 * Opens a sink that makes the object's bytes a file at `path`: `pipeline(fetchParts(source, object, parts), sink)`, and
 * then `sink.publish()`. What an earlier process recorded for the same object is in `sink.completed`.
 *
 * It holds the destination's lock until it is published or closed.
 *
 * @param path - of the file; `.part`, `.part.checkpoint` and `.part.lock` stand beside it meanwhile
 * @param object - from {@link discoverObject}
 * @example
 * const sink = await openCheckpointSink('model.bin', object);
 * try {
 *   const parts = planParts(sink.range, { partSize: 5 * 1024 * 1024, completed: sink.completed });
 *   await pipeline(fetchParts(source, object, parts), sink);
 *   await sink.publish();
 * } finally {
 *   await sink.close(); // what was recorded stays for the next call
 * }
 *
 * @throws {InvalidOptionError} before any file is touched
 * @throws {DestinationError} when something at the destination may not be replaced or written
 * @throws {LockedError} when another download holds the destination
 * @throws {CheckpointError} when the checkpoint was written by a later release, or can be written by others
 * @throws {DiskError} when the disk fails or has too little space
 */
export async function openCheckpointSink(
  path: string,
  object: ObjectInfo,
  options?: CheckpointSinkOptions,
): Promise<CheckpointSink> {
  const place = checkPath('path', path);
  checkKeys('options', options, PUBLIC_SINK_KEYS);
  const sink = await openSink(place, object, options);
  try {
    // Invariant: what an earlier process recorded and is not so any more is not called completed.
    await sink.recheck();
    return sink;
  } catch (error) {
    await sink.close();
    throw error;
  }
}

/** The same for the verbs, which have resolved and locked the destination. */
export async function openSink(path: string, object: ObjectInfo, options?: SinkSetup): Promise<CheckpointSink> {
  let lock = options?.lock;
  try {
    const checked = checkSinkOptions(object, options);
    const { ops, lockWaitMs, signal } = checked;
    signal?.throwIfAborted();
    // Whether the destination may be there is decided later: it may be what a crash kept us from reporting.
    const placing = { overwrite: true, checkpoint: checked.checkpoint };
    const resolved = checked.destination ?? (await resolveDestination(path, path, placing, ops));
    const destination: Destination =
      checked.checkpoint === false ? { ...resolved, checkpointPath: undefined } : resolved;
    lock ??= await acquireDestinationLock(destination, { waitMs: lockWaitMs, signal, ops });
    const request = { ...checked, object, destination };
    const opened = await openCheckpoint(request).catch((error: unknown) => {
      throw isSystemError(error) ? new DiskError(destination.path, error) : error;
    });
    return new CheckpointSink({ ...request, ...opened, lock });
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

function isSystemError(error: unknown): boolean {
  return !isDownloadError(error) && /^E[A-Z]/.test(errorCode(error) ?? '');
}
