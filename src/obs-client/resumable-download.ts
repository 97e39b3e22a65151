/**
 * One `downloadFile` of the SDK on top of the verb of the same name. Refuses to settle before everything is put away:
 * after a cancel the lock is free and the checkpoint written, so that the same call can be made again at once.
 */

import { downloadFile } from '../download-file.js';
import { createDownloadEvents } from '../events.js';
import { isStrongEtag } from '../object-info.js';
import type { ObjectSource } from '../source/source.js';
import { monotonicMs } from '../time.js';
import { downloadFailure } from './client-error-of.js';
import type { ClientSettings } from './client-options.js';
import type { DownloadRequest } from './download-param.js';
import { ObsClientError } from './obs-client-error.js';
import { type HeaderPrefix, type ObsResult, obsResult } from './obs-result.js';
import { callUser } from './user-callback.js';

/** @throws ObsClientError */
export async function downloadResumably(
  source: ObjectSource,
  { destination, options, onProgress, onResume }: DownloadRequest,
  transfer: ClientSettings['transfer'],
  prefix: HeaderPrefix,
): Promise<ObsResult> {
  const canceller = new AbortController();
  const events = createDownloadEvents();
  let startedMs: number | undefined;
  let isResumable = false;
  events.on('discovered', ({ object }) => {
    isResumable = options.checkpoint !== false && isStrongEtag(object.etag) && !Number.isNaN(object.size);
    if (startedMs !== undefined) return;
    startedMs = monotonicMs();
    // As in the SDK: an empty object has no part that could be cancelled.
    if (onResume && object.size !== 0) {
      callUser('ResumeCallback', () => onResume({ cancel: () => canceller.abort() }));
    }
  });
  events.on('progress', ({ completedBytes, totalBytes }) => {
    if (!onProgress || totalBytes === 0 || canceller.signal.aborted) return;
    const seconds = (monotonicMs() - (startedMs ?? monotonicMs())) / 1000;
    callUser('ProgressCallback', () => onProgress(completedBytes, totalBytes, seconds));
  });
  try {
    const { signal } = canceller;
    const { object } = await downloadFile(source, destination, { ...transfer, ...options, signal, events });
    const result = obsResult(object.headers, prefix);
    if (object.size !== 0) delete result.InterfaceResult.ContentLength;
    return result;
  } catch (error) {
    if (canceller.signal.aborted) throw suspended();
    throw downloadFailure(error, { isDiscovered: startedMs !== undefined, isResumable });
  }
}

/** In the SDK's spelling, which programs compare with. */
function suspended(): ObsClientError {
  return new ObsClientError('Download suspened', 'The process of downloadFile is suspened, you can try again');
}
