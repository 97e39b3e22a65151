/** The file of a small object whose bytes have all come with the first response: verify > publish. */

import { byteLength } from './byte-range.js';
import { announceVerification, type Download, finishDownload, plan, watchProgress } from './download.js';
import type { DownloadResult } from './download-result.js';
import { payRateLimit } from './fetch/rate-limit.js';
import type { WholeDownload } from './open-file-download.js';
import type { Destination } from './sink/destination.js';
import { publishWholeFile } from './sink/whole-file.js';
import { recycleBytes } from './transport/slab.js';
import { createOrderedVerifier } from './verify/ordered-verifier.js';

export async function downloadWhole(
  destination: Destination,
  download: Download,
  { opening, checks }: WholeDownload,
): Promise<DownloadResult> {
  const { context } = download;
  const { object, wanted } = opening;
  const verifier = await createOrderedVerifier(checks);
  const chunks: Buffer[] = [];
  let isPublished = false;
  const length = byteLength(wanted);
  const meter = watchProgress(
    download,
    () => (isPublished ? length : 0),
    () => length,
  );
  try {
    const [part] = plan(context, opening);
    if (part === undefined) throw new Error('unreachable: a whole object has a part');
    context.emit('partStarted', { part, attempt: 1 });
    await opening.deliverTo((_offset, bytes) => {
      verifier.update(bytes);
      chunks.push(bytes);
      return undefined;
    }, part);
    await payRateLimit(context.rateLimit, context.signal);
    context.emit('partCompleted', { part });
    const verification = announceVerification(context, verifier.finish());
    await publishWholeFile(destination, chunks, context.signal);
    isPublished = true;
    for (const bytes of chunks) recycleBytes(bytes);
    meter.finish();
    return finishDownload(download, { path: destination.path, object, range: wanted, verification });
  } finally {
    meter.stop();
  }
}
