/** The file of an object whose size only its end tells: one plain response, written and checked in order. */

import { pipeline } from 'node:stream/promises';
import { announceVerification, type Download, finishDownload, plan, watchProgress } from './download.js';
import type { DownloadResult } from './download-result.js';
import { payRateLimit } from './fetch/rate-limit.js';
import { createFetchStream } from './fetch-parts.js';
import type { UnsizedDownload } from './open-file-download.js';
import type { Destination } from './sink/destination.js';
import { openUnsizedFile } from './sink/unsized-file.js';
import { createOrderedVerifier } from './verify/ordered-verifier.js';

export async function downloadUnsized(
  destination: Destination,
  download: Download,
  { opening, checks, lock }: UnsizedDownload,
): Promise<DownloadResult> {
  const { context } = download;
  const { wanted, binding } = opening;
  const { overwrite } = context.options;
  const open = async () => {
    const verifier = await createOrderedVerifier(checks);
    const given = { destination, lock, overwrite, signal: context.signal, onBytes: verifier.update };
    return { verifier, file: await openUnsizedFile(wanted.start, given) };
  };
  const { verifier, file } = await open().catch(async (error: unknown) => {
    await lock.release();
    throw error;
  });
  const meter = watchProgress(
    download,
    () => file.writtenBytes,
    () => Math.min(wanted.end, opening.object.size) - wanted.start,
  );
  try {
    const parts = plan(context, opening);
    context.signal.throwIfAborted();
    await pipeline(createFetchStream({ context, binding, parts, opening }), file.writable);
    await payRateLimit(context.rateLimit, context.signal);
    const verification = announceVerification(context, verifier.finish());
    await file.publish();
    meter.finish();
    const range = { start: wanted.start, end: wanted.start + file.writtenBytes };
    return finishDownload(download, { path: destination.path, object: opening.object, range, verification });
  } finally {
    meter.stop();
    await file.close();
  }
}
