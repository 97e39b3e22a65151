/**
 * The bytes that every server of the benchmark serves: pseudo-random, so nothing on the way can compress them, and known
 * from their offset alone, so that a consumer compares each chunk with memory and needs no second copy of the object.
 */

import { createCipheriv } from 'node:crypto';

/** A prime: no part size, block size or slab size is a multiple of it, so that a misplaced byte does not look right. */
export const PERIOD_BYTES = 16_777_259;

const LONGEST_VIEW = 1024 * 1024;

/** One period, and a little more, so that a view may cross its end. */
const period = createPeriod();

function createPeriod() {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16, 2));
  const once = cipher.update(Buffer.alloc(PERIOD_BYTES));
  return Buffer.concat([once, once.subarray(0, LONGEST_VIEW)]);
}

/** The object's bytes from `start` up to `end`, or less: at most 1 MiB. Shared memory, not to be written to. */
export function viewBytes(start, end) {
  const from = start % PERIOD_BYTES;
  return period.subarray(from, from + Math.min(end - start, LONGEST_VIEW));
}

/** Throws, unless `bytes` are the object's bytes at `offset`. One memcmp. */
export function expectBytes(offset, bytes) {
  for (let at = 0; at < bytes.length; ) {
    const view = viewBytes(offset + at, offset + bytes.length);
    if (view.compare(bytes, at, at + view.length) !== 0)
      throw new Error(`wrong bytes at or after offset ${offset + at}`);
    at += view.length;
  }
}
