/**
 * The verb for files: discover > open sink > plan what is missing > fetch into sink > verify > publish. The destination
 * gets its name only after every byte was verified and synced.
 */

import { pipeline } from 'node:stream/promises';
import { byteLength, totalLength } from './byte-range.js';
import {
  announceVerification,
  type Download,
  finishDownload,
  restartDownload,
  startDownload,
  watchProgress,
} from './download.js';
import type { DownloadFileOptions } from './download-options.js';
import type { DownloadResult } from './download-result.js';
import { downloadUnsized } from './download-unsized.js';
import { downloadWhole } from './download-whole.js';
import { ObjectChangedError } from './errors.js';
import type { FetchContext } from './fetch/fetch-context.js';
import { payRateLimit } from './fetch/rate-limit.js';
import { createFetchStream, type FetchStreamSetup } from './fetch-parts.js';
import { openFileDownload, planAgain } from './open-file-download.js';
import { checkKeys, checkPath, workingDirectory } from './option-checks.js';
import { checkOptions } from './options.js';
import { orAborted } from './or-aborted.js';
import type { CheckpointSink } from './sink/checkpoint-sink.js';
import { type Destination, resolveDestination } from './sink/destination.js';
import { mayBePublished, peekCheckpoint } from './sink/peek-checkpoint.js';
import { asSource } from './source/as-source.js';
import type { ObjectSource } from './source/source.js';
import { verifyFile } from './verify-file.js';

/** How often one call starts again on a new version of the object (`onObjectChanged: 'restart'`). */
const MAX_RESTARTS = 5;

/**
 * Downloads an object into a file: in parallel, resuming what an earlier call left, verified, published atomically.
 *
 * @param source - obs(), s3(), http(), or a URL
 * @param destination - a path, or `{ directory }`: then the name comes from the source and never leaves that directory.
 *   A symbolic link at the destination is replaced, never followed. @default { directory: process.cwd() }
 * @throws InvalidOptionError before any request or file; any other DownloadError; `signal.reason` after an abort
 * @example
 * const { path, verification } = await downloadFile('https://example.com/model.bin', 'model.bin');
 */
export async function downloadFile(
  source: ObjectSource | string | URL,
  destination?: string | { directory: string },
  options?: DownloadFileOptions,
): Promise<DownloadResult> {
  const from = asSource(source);
  const to = checkDestination(destination);
  let download = startDownload(from, checkOptions('file', options));
  const { emit, signal, options: checked } = download.context;
  try {
    signal.throwIfAborted();
    if (from.prepare) await orAborted(from.prepare(signal), signal);
    let place = await findPlace(to, download.context);
    let gone: ObjectChangedError | undefined;
    for (let restarts = 0; ; restarts += 1) {
      try {
        return await downloadTo(place, download, gone);
      } catch (error) {
        if (!(error instanceof ObjectChangedError)) throw error;
        if (checked.onObjectChanged === 'fail' || restarts === MAX_RESTARTS) {
          download.context.announceChange(error.expectedEtag, error.actualEtag);
          throw error;
        }
        gone = error;
        // The version before may have left something by now.
        place = { ...place, hadTraces: true };
        download = restartDownload(download);
      }
    }
  } catch (failure) {
    // Whatever an abort made fail: a reason that is no error would be lost on the way.
    const error = checked.signal?.aborted ? checked.signal.reason : failure;
    emit('failed', { error });
    throw error;
  } finally {
    download.context.close();
  }
}

/** The whole flow for one version of the object. */
async function downloadTo(
  place: Destination,
  download: Download,
  gone: ObjectChangedError | undefined,
): Promise<DownloadResult> {
  const { context } = download;
  const opened = await openFileDownload(place, context);
  // Only now is it known what the object is instead.
  if (gone !== undefined) context.announceChange(gone.expectedEtag, opened.opening.object.etag);
  if (opened.kind === 'unsized') return await downloadUnsized(place, download, opened);
  if (opened.kind === 'whole') return await downloadWhole(place, download, opened).finally(opened.claim.release);
  const { opening, checks, sink, parts, resumedBytes } = opened;
  const { binding } = opening;
  const totalBytes = byteLength(opening.wanted);
  const meter = watchProgress(
    download,
    () => totalBytes - totalLength(sink.missing()),
    () => totalBytes,
  );
  try {
    const recheck = sink.recheck(context.signal);
    recheck.catch(() => {});
    await fetchInto(sink, { context, binding, parts, opening });
    const damaged = await recheck;
    // Invariant: a block from an earlier process that is not what was recorded is fetched again before it is published.
    const again = planAgain(context, opening, damaged);
    if (again.count > 0) await fetchInto(sink, { context, binding, parts: again });
    await payRateLimit(context.rateLimit, context.signal);
    const verification = announceVerification(context, await verifyFile(sink, checks));
    await sink.publish();
    meter.finish();
    return finishDownload(download, {
      path: sink.path,
      object: opening.object,
      range: opening.wanted,
      verification,
      resumedBytes: resumedBytes - totalLength(damaged),
    });
  } finally {
    meter.stop();
    await sink.close();
  }
}

/** Fetches parts into the sink, which stays open. */
async function fetchInto(sink: CheckpointSink, setup: FetchStreamSetup): Promise<void> {
  // If the sink has failed already, pipeline() of Node 24 says only that it cannot be piped to, not why.
  if (sink.errored) throw sink.errored;
  await pipeline(createFetchStream(setup), sink, { end: false });
  await sink.flush();
}

async function findPlace(to: string | { directory: string }, { source, options }: FetchContext): Promise<Destination> {
  const { overwrite, checkpoint } = options;
  const place = await resolveDestination(to, source.name, { overwrite: true, checkpoint });
  // What is there may be the file of a process that ended before it could say so: then its checkpoint is there too.
  if (overwrite) return place;
  const remembered = await peekCheckpoint(place, source.identity);
  if (remembered !== undefined && (await mayBePublished(place, remembered))) return place;
  return await resolveDestination(to, source.name, { overwrite, checkpoint });
}

function checkDestination(destination: unknown): string | { directory: string } {
  if (destination === undefined) return { directory: workingDirectory('destination') };
  if (typeof destination === 'string') return checkPath('destination', destination);
  const { directory } = checkKeys('destination', destination, ['directory']);
  return { directory: checkPath('destination.directory', directory) };
}
