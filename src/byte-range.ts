/**
 * Byte ranges. `end` is EXCLUSIVE everywhere in this library; the inclusive ranges of HTTP exist in this file alone.
 * Refuses numbers that a double cannot hold exactly: such a size or offset is an error of whoever sent it.
 */

/** The bytes from `start` up to, but not including, `end`, both offsets in the object. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a `Content-Range` header says; `total` is undefined for `*`. */
export interface ContentRange extends ByteRange {
  readonly total: number | undefined;
}

/** Number of bytes in the range. */
export function byteLength(range: ByteRange): number {
  return range.end - range.start;
}

/** Sum of the lengths of the ranges. */
export function totalLength(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, range) => sum + byteLength(range), 0);
}

/** Sorted, without overlaps, touching ranges joined, empty ones left out. */
export function normalizeRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    if (range.end <= range.start) continue;
    const last = joined.at(-1);
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else joined.push({ start: range.start, end: range.end });
  }
  return joined;
}

/** What is left of `range` when `removed` is taken away, in ascending order. */
export function subtractRanges(range: ByteRange, removed: readonly ByteRange[]): ByteRange[] {
  const left: ByteRange[] = [];
  let start = range.start;
  for (const hole of normalizeRanges(removed)) {
    if (hole.end <= start) continue;
    if (hole.start >= range.end) break;
    if (hole.start > start) left.push({ start, end: hole.start });
    start = hole.end;
  }
  if (start < range.end) left.push({ start, end: range.end });
  return left;
}

/** The value of a `Range` header: one range, inclusive (RFC 9110 section 14.1.2). */
export function formatRangeHeader(range: ByteRange): string {
  return `bytes=${range.start}-${range.end - 1}`;
}

/** Reads `Content-Range` (RFC 9110 section 14.4); undefined when it is not one well-formed satisfied byte range. */
export function parseContentRange(value: string): ContentRange | undefined {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(value);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  const total = match[3] === '*' ? undefined : Number(match[3]);
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start >= end) return undefined;
  if (total !== undefined && (!Number.isSafeInteger(total) || end > total)) return undefined;
  return { start, end, total };
}

/** Reads the size out of the `Content-Range: bytes *\/SIZE` of a 416 (RFC 9110 section 14.4). */
export function parseUnsatisfiedRange(value: string): number | undefined {
  const match = /^bytes \*\/(\d{1,16})$/i.exec(value);
  const size = match === null ? Number.NaN : Number(match[1]);
  return Number.isSafeInteger(size) ? size : undefined;
}
