/** Response headers in the one shape that the rest reads, whatever dispatcher they came through. */

import type { ResponseHeaders } from '../object-info.js';

/** One object without a prototype, names in lower case, an array where a name came more than once. */
export function lowerCaseNames(headers: Record<string, string | string[] | undefined>): ResponseHeaders {
  const result: Record<string, string | string[] | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    const known = result[key];
    if (value !== undefined) result[key] = known === undefined ? value : [known, value].flat();
  }
  return result;
}
