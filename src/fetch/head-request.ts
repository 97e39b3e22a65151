/** What an empty object says about itself: a 416 does not carry it, so it is asked for again without a range. */

import { AccessDeniedError, type DownloadError, ProtocolError, StoreError } from '../errors.js';
import { type ObjectInfo, readObjectInfo } from '../object-info.js';
import type { FetchContext } from './fetch-context.js';
import { type AttemptInfo, parseContentLength } from './range-request.js';
import { sendStoreRequest } from './store-request.js';

/**
 * Asks with HEAD, and with GET where HEAD is refused (a URL presigned for GET is).
 * @throws ProtocolError when the object is not empty after all
 */
export async function requestEmptyObject(
  context: FetchContext,
  info: AttemptInfo,
  headers: Readonly<Record<string, string>>,
  conditions: readonly string[],
): Promise<ObjectInfo> {
  let object: ObjectInfo | undefined;
  const ask = (method: 'HEAD' | 'GET') =>
    sendStoreRequest(
      context,
      { method, headers, conditions, ...info },
      {
        onHead(head) {
          if ((parseContentLength(head.headers) ?? 0) !== 0) {
            throw new ProtocolError(
              'the server calls a range of the object unsatisfiable, but the object is not empty',
            );
          }
          object = readObjectInfo(head.headers, 0);
        },
        onBytes: () => 'done',
      },
    );
  try {
    await ask('HEAD');
  } catch (error) {
    if (!isHeadRefused(error as DownloadError)) throw error;
    await ask('GET');
  }
  if (object === undefined) throw new ProtocolError('the server sent no response head');
  return object;
}

function isHeadRefused(error: DownloadError): boolean {
  return (
    error instanceof AccessDeniedError || (error instanceof StoreError && [400, 405, 501].includes(error.statusCode))
  );
}
