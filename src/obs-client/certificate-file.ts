/** The file of certificate authorities that `ssl_verify` names: read once, when it is first needed. */

import { messageOf } from '../message-of.js';
import { nodeFileOps, OPEN_TO_READ } from '../sink/file-ops.js';
import { invalidArgument } from './obs-client-error.js';

const MAX_BYTES = 16 * 1024 * 1024;

/** @throws ObsClientError `InvalidArgument`: the SDK would go on with other authorities */
export async function readCertificateFile(path: string): Promise<Buffer> {
  try {
    const file = await nodeFileOps.open(await nodeFileOps.realPath(path), OPEN_TO_READ);
    try {
      const { size } = await file.status();
      const bytes = Buffer.alloc(Math.min(Number(size), MAX_BYTES));
      return bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw invalidArgument(`ssl_verify: ${messageOf(error)}`, error);
  }
}
