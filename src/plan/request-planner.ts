/** Cuts parts into pieces: a part larger than the budget allows becomes several. Pure, lazy, ascending. */

import { byteLength } from '../byte-range.js';
import type { CheckedOptions } from '../options.js';
import type { Part, Piece } from '../part.js';

/** Pieces are not made smaller than this while the budget holds one of them: a request has a price. */
const MIN_PIECE_BYTES = 256 * 1024;

/** The most bytes of one piece, so that `concurrency` pieces fit the budget where that is reasonable. */
export function maxPieceBytes(bufferBytes: number, concurrency: number): number {
  return Math.max(Math.floor(bufferBytes / concurrency), Math.min(bufferBytes, MIN_PIECE_BYTES));
}

/** The least that is asked for at once for the sake of a rate limit. */
const MIN_LIMITED_BYTES = 64 * 1024;

/** The most bytes of one piece of a download with these options. */
export function pieceBytesFor(
  options: Pick<CheckedOptions, 'bufferBytes' | 'concurrency' | 'dispatcher' | 'maxBytesPerSecond'>,
): number {
  const { bufferBytes, concurrency, dispatcher, maxBytesPerSecond } = options;
  const most = maxPieceBytes(bufferBytes, concurrency);
  if (dispatcher === undefined || maxBytesPerSecond === undefined) return most;
  // A response of a caller's dispatcher is not held back for a rate limit; so all of them together ask for one second's.
  return Math.min(most, Math.max(MIN_LIMITED_BYTES, Math.floor(maxBytesPerSecond / concurrency)));
}

/** The pieces of the parts, without those bytes that lie in `[0, after)`: they were asked for already. */
export function* cutPieces(parts: Iterable<Part>, maxBytes: number, after: number = 0): Generator<Piece, void, void> {
  for (const part of parts) {
    const from = Math.max(part.start, Math.min(after, part.end));
    // Pieces of one part are of about one size: a tiny last piece would cost as much as a large one.
    const count = Math.ceil((part.end - from) / maxBytes);
    const step = Math.ceil(byteLength({ start: from, end: part.end }) / count);
    for (let start = from; start < part.end; start += step) {
      yield { part, start, end: Math.min(start + step, part.end) };
    }
  }
}
