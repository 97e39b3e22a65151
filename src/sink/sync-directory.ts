/** Makes the names in a directory durable. Some file systems cannot, and say so: that is no error. A failing disk is. */

import { DiskError } from '../errors.js';
import { type FileOps, OPEN_DIRECTORY } from './file-ops.js';
import { errorCode } from './own-file.js';

const NOT_SUPPORTED = new Set(['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF', 'EACCES']);

export async function syncDirectory(ops: FileOps, path: string): Promise<void> {
  try {
    const directory = await ops.open(path, OPEN_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    if (!NOT_SUPPORTED.has(errorCode(error) ?? '')) throw new DiskError(path, error);
  }
}
