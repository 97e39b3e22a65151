/** What the streams that callers get have in common: once destroyed, they hand on nothing. */

import type { Readable } from 'node:stream';

/**
 * Node hands on what is buffered also after destroy(); a web stream that was cancelled then throws in its own tick, where
 * nobody can catch it.
 */
export function silentOnceDestroyed<S extends Readable>(stream: S): S {
  const read = stream.read;
  stream.read = (size) => (stream.destroyed ? null : read.call(stream, size));
  return stream;
}
