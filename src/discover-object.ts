/** The discover station on its own: what the object is, without keeping any of its bytes. */

import type { DownloadOptions } from './download-options.js';
import { openFetchContext } from './fetch/fetch-context.js';
import { openObject } from './fetch/open-object.js';
import type { ObjectInfo } from './object-info.js';
import { checkOptions } from './options.js';
import { asSource } from './source/as-source.js';
import type { ObjectSource } from './source/source.js';

/**
 * Asks the store what the object is: size, ETag, version, metadata. Costs one request for one byte, so that it works
 * with URLs that are presigned for GET only.
 *
 * @throws InvalidOptionError, NotFoundError, AccessDeniedError, ConditionNotMetError, or the failure of the last attempt
 * @example const object = await discoverObject('https://example.com/model.bin')
 */
export async function discoverObject(
  source: ObjectSource | string | URL,
  options?: DownloadOptions,
): Promise<ObjectInfo> {
  const checked = checkOptions('block', options);
  const context = openFetchContext(asSource(source), checked);
  try {
    context.signal.throwIfAborted();
    const { range } = checked;
    const first = { start: range.start, end: range.start + 1 };
    const opening = await openObject(context, { range, first, isProbe: true });
    opening.abandon();
    context.emit('discovered', { object: opening.object });
    return opening.object;
  } finally {
    context.close();
  }
}
