/** What an empty object says about itself: a 416 does not carry it, so it is asked for with HEAD. */

import { AccessDeniedError, type DownloadError, NotFoundError, ProtocolError, StoreError } from '../errors.js';
import { type ObjectInfo, readObjectInfo } from '../object-info.js';
import type { FetchContext } from './fetch-context.js';
import { parseContentLength } from './range-request.js';
import { type AttemptInfo, type StoreRequest, sendStoreRequest } from './store-request.js';

/**
 * @param conditional - the caller's conditions
 * @param isSaidEmpty - the 416 said that the object has no bytes
 * @returns undefined when that is not certain, or HEAD is refused (as by a URL presigned for GET): a plain GET will tell
 * @throws ProtocolError when the object is not empty after all
 */
export async function requestEmptyObject(
  context: FetchContext,
  info: AttemptInfo,
  conditional: Pick<StoreRequest, 'headers' | 'conditions'>,
  isSaidEmpty: boolean,
): Promise<{ object: ObjectInfo; isElsewhere: boolean } | undefined> {
  let found: { object: ObjectInfo; isElsewhere: boolean } | undefined;
  try {
    await sendStoreRequest(
      context,
      { method: 'HEAD', ...conditional, ...info },
      {
        onHead(head) {
          const length = parseContentLength(head.headers);
          if (isSaidEmpty && length !== undefined && length > 0) {
            throw new ProtocolError(
              'the server calls a range of the object unsatisfiable, but the object is not empty',
            );
          }
          // Invariant: an object is taken for empty only when the server says so: many answer 416 for other reasons.
          if (length === 0 || isSaidEmpty) {
            found = { object: readObjectInfo(head.headers, 0, head.conceal), isElsewhere: head.isElsewhere };
          }
        },
        onBytes: () => 'done',
      },
    );
  } catch (error) {
    if (!isHeadRefused(error as DownloadError)) throw error;
  }
  return found;
}

function isHeadRefused(error: DownloadError): boolean {
  return (
    error instanceof AccessDeniedError ||
    error instanceof NotFoundError ||
    (error instanceof StoreError && [400, 405, 501].includes(error.statusCode))
  );
}
