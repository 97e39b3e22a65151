/** One pass over the whole file, in order, for checksums that cannot be combined from those of blocks. */

import { DiskError } from '../errors.js';
import type { PartFile } from './part-file.js';

const READ_BYTES = 4 * 1024 * 1024;

/** Hands over the file's bytes in order. They are valid until `onBytes` returns, or until its promise settles. */
export async function readBack(
  part: PartFile,
  signal: AbortSignal,
  onBytes: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, part.length));
  for (let start = 0; start < part.length; start += buffer.length) {
    const bytes = buffer.subarray(0, Math.min(buffer.length, part.length - start));
    const byteCount = await part.read(bytes, start);
    signal.throwIfAborted();
    if (byteCount < bytes.length) throw new DiskError(part.path, undefined, 'somebody else cut the file short');
    await onBytes(bytes);
  }
}
