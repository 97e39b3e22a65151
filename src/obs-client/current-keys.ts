/**
 * The keys of the moment: as in the SDK, `refresh` reaches the downloads that are running, with their next request. Refuses
 * to change anything but the signature: it is the same object, under the same identity.
 */

import type { ObjectSource } from '../source/source.js';
import type { Credentials } from '../source-options.js';

/**
 * @param keys - those that the client has now; undefined: none, and requests are anonymous
 * @param open - makes the source for one set of keys
 */
export function withCurrentKeys(
  keys: () => Credentials | undefined,
  open: (credentials: Credentials | 'anonymous') => ObjectSource,
): ObjectSource {
  let held = keys();
  let source = open(held ?? 'anonymous');
  const current = (): ObjectSource => {
    const now = keys();
    if (now !== held) source = open(now ?? 'anonymous');
    held = now;
    return source;
  };
  return {
    ...source,
    /** What was refused is asked for once more: by now there may be other keys. */
    get canRefresh() {
      return keys() !== undefined;
    },
    request: async (context) => current().request(context),
    follow: async (url, statusCode, context) => current().follow?.(url, statusCode, context),
  };
}
