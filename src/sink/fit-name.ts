/** File names that fit: cut by UTF-8 bytes between two characters, and kept apart by a hash of what was cut. */

import { createHash } from 'node:crypto';

/** What ext4, XFS, APFS and NTFS allow for one name. */
export const MAX_NAME_BYTES = 255;

/** `name + suffix`, with `name` cut and given a hash when the whole is longer than `maxBytes` in UTF-8. */
export function fitName(name: string, suffix: string, maxBytes: number = MAX_NAME_BYTES): string {
  if (Buffer.byteLength(name + suffix) <= maxBytes) return name + suffix;
  // Invariant: two long names that differ only in what was cut stay two names.
  const ending = `~${createHash('sha256').update(name).digest('hex').slice(0, 16)}${suffix}`;
  let left = maxBytes - Buffer.byteLength(ending);
  let cut = '';
  for (const character of name) {
    left -= Buffer.byteLength(character);
    if (left < 0) break;
    cut += character;
  }
  return cut + ending;
}
