/** Wherever a source is taken, a URL will do. Refuses what is neither a source nor a URL. */

import { refuse } from '../option-checks.js';
import { http } from './http-source.js';
import type { ObjectSource } from './source.js';

/** A string or URL is shorthand for `http(url)`. Throws InvalidOptionError. */
export function asSource(value: ObjectSource | string | URL): ObjectSource {
  if (typeof value === 'string' || value instanceof URL) return http(value);
  const isSource =
    typeof value === 'object' &&
    value !== null &&
    typeof value.request === 'function' &&
    typeof value.identity === 'string';
  if (!isSource) refuse('source', value, 'a source (obs(), s3(), http()) or a URL');
  return value;
}
