/**
 * ONE ranged GET of a bound object. Bytes are handed on only from a checked response: status, Content-Range, total,
 * ETag, length, no content-encoding (RFC 9110 sections 14.2, 14.4, 15.3.7). Refuses to retry.
 */

import {
  type ByteRange,
  byteLength,
  formatRangeHeader,
  parseContentRange,
  parseUnsatisfiedRange,
} from '../byte-range.js';
import { NetworkError, ObjectChangedError, ProtocolError } from '../errors.js';
import { type ResponseHeaders, singleHeader } from '../object-info.js';
import type { ResponseHead } from '../transport/exchange.js';
import type { Flow } from '../transport/flow.js';
import type { FetchContext } from './fetch-context.js';
import { checkPlainBody, checkSameObject, type ObjectBinding, pinningHeaders, refusedEtag } from './object-binding.js';
import { type AttemptInfo, sendStoreRequest } from './store-request.js';

/** Takes bytes in order. Returns false when no more are wanted. */
export type TakeBytes = (bytes: Buffer, flow: Flow) => boolean;

/**
 * Requests `range` and hands its bytes on in order, from `range.start`.
 * Resolves when the response ended as it announced; a server may truthfully announce less than was asked for.
 * @throws NetworkError when the body was cut; ProtocolError, ObjectChangedError before any byte was handed on
 */
export async function requestRange(
  context: FetchContext,
  binding: ObjectBinding,
  range: ByteRange,
  info: AttemptInfo,
  take: TakeBytes,
): Promise<void> {
  const body = createBodyCounter(take);
  await sendStoreRequest(
    context,
    { method: 'GET', headers: { range: formatRangeHeader(range), ...pinningHeaders(binding) }, ...info },
    {
      onRefusal: (head) => refuseChanged(binding, head),
      onHead(head, flow) {
        checkPlainBody(binding, head, context.source);
        if (head.statusCode === 206) {
          const sent = checkContentRange(head.headers, range);
          checkSameObject(binding, head.headers, sent.total);
          body.expect({ skip: 0, length: byteLength(sent), flow, isChecked: mayBeDecoded(context, head) });
        } else if (head.statusCode === 200) {
          // An edge that ignores Range (RFC 9110 section 14.2 lets it): the same bytes are inside the whole object.
          const total = parseWholeLength(head.headers);
          checkSameObject(binding, head.headers, total);
          body.expect({ skip: range.start, length: byteLength(range), flow });
        } else {
          throw new ProtocolError(`the server answered ${head.statusCode} to a GET of a range`);
        }
      },
      onBytes: body.onBytes,
    },
  );
  body.checkComplete();
}

/** A range that a caller's dispatcher may have decoded: only its end tells whether the body has the range's length. */
export function mayBeDecoded({ options }: FetchContext, { statusCode, headers }: ResponseHead): boolean {
  return statusCode === 206 && options.dispatcher !== undefined && headers['content-length'] === undefined;
}

/** Invariant: bytes are used only at the offset that the server says they have. */
export function checkContentRange(
  headers: ResponseHeaders,
  asked: ByteRange,
): ByteRange & { total: number | undefined } {
  const value = singleHeader(headers, 'content-range');
  if (value === undefined) throw new ProtocolError('the server sent a 206 without Content-Range');
  const sent = parseContentRange(value);
  if (sent === undefined) throw new ProtocolError('the server sent a malformed Content-Range');
  if (sent.start !== asked.start || sent.end > asked.end) {
    throw new ProtocolError(
      `the server sent bytes ${sent.start}-${sent.end - 1} when asked for ${asked.start}-${asked.end - 1}`,
    );
  }
  const length = parseContentLength(headers);
  if (length !== undefined && length !== byteLength(sent)) {
    throw new ProtocolError(`Content-Length is ${length} but Content-Range holds ${byteLength(sent)} bytes`);
  }
  return sent;
}

/** Content-Length as a safe integer; undefined when it is not there. */
export function parseContentLength(headers: ResponseHeaders): number | undefined {
  const value = singleHeader(headers, 'content-length');
  if (value === undefined) return undefined;
  const length = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(length)) throw new ProtocolError('the server sent a malformed or absurd Content-Length');
  return length;
}

/** The length of the whole object that a 200 brings; undefined when it tells none. */
export function parseWholeLength(headers: ResponseHeaders): number | undefined {
  const length = parseContentLength(headers);
  // It has no meaning there (RFC 9110 section 14.4), but a proxy that made the 200 of a 206 leaves it.
  const sent = parseContentRange([headers['content-range'] ?? ''].flat().join(', '));
  if (sent !== undefined && (length ?? byteLength(sent)) !== sent.total) {
    throw new ProtocolError('the server sent a 200 with the Content-Range of a part');
  }
  return length;
}

/** Throws what a 412 or 416 means here: the object has changed, or the server contradicts itself. */
export function refuseChanged(binding: ObjectBinding, { statusCode, headers }: ResponseHead): void {
  if (statusCode !== 412 && statusCode !== 416) return;
  const size = parseUnsatisfiedRange([headers['content-range'] ?? ''].flat().join(', '));
  if (headers.etag === undefined ? size === binding.size : headers.etag === binding.etag) {
    throw new ProtocolError(`the server answered ${statusCode}, and that the object is the same`);
  }
  throw new ObjectChangedError(
    `the object is no longer the one this download is bound to (HTTP ${statusCode})`,
    binding.etag,
    refusedEtag(headers),
  );
}

/** What a response's body has to be: `skip` bytes to leave out, then `length` bytes to hand on. */
export interface ExpectedBody {
  readonly skip: number;
  /** `NaN` when only the end of the message tells. */
  readonly length: number;
  readonly flow: Flow;
  /** The message has to end exactly there, and nothing is handed on until it has. @default false */
  readonly isChecked?: boolean;
}

/** Counts a body against what its head announced. */
export interface BodyCounter {
  expect(body: ExpectedBody): void;
  onBytes(bytes: Buffer): 'done' | undefined;
  /** Bytes that were to be left out and did not come. */
  readonly unskipped: number;
  /** @throws NetworkError when the message ended early */
  checkComplete(): void;
}

export function createBodyCounter(take: TakeBytes, onSkipped?: (bytes: Buffer, flow: Flow) => void): BodyCounter {
  let toSkip = 0;
  let left = Number.NaN;
  let flow: Flow | undefined;
  let isWanted = true;
  /** What has come of a checked body: at most the bytes of one request. */
  let held: Buffer[] | undefined;
  return {
    expect(body) {
      held = body.isChecked ? [] : undefined;
      toSkip = body.skip;
      left = body.length;
      flow = body.flow;
    },
    onBytes(bytes) {
      let useful = bytes;
      if (toSkip > 0) {
        if (flow !== undefined) onSkipped?.(useful.subarray(0, toSkip), flow);
        useful = useful.subarray(Math.min(toSkip, bytes.length));
        toSkip -= bytes.length - useful.length;
      }
      // Invariant: of a body that a dispatcher has decoded no byte is used, and it is not cut to its range.
      if (held && useful.length > left) throw new ProtocolError('the body is longer than its Content-Range says');
      // Invariant: bytes after the announced range are never used.
      if (useful.length > left) useful = useful.subarray(0, left);
      if (!Number.isNaN(left)) left -= useful.length;
      if (held !== undefined) held.push(useful);
      else if (useful.length > 0 && flow !== undefined) isWanted = take(useful, flow);
      const isWhole = left === 0 && toSkip === 0 && held === undefined;
      return isWhole || !isWanted ? 'done' : undefined;
    },
    get unskipped() {
      return toSkip;
    },
    checkComplete() {
      // Invariant: the end of a message is the end of a range only when every announced byte has arrived.
      if (isWanted && (left > 0 || toSkip > 0))
        throw new NetworkError(
          `the connection was closed before the whole body arrived${held ? ', or a dispatcher decoded it' : ''}`,
        );
      for (const bytes of held ?? []) if (isWanted && flow !== undefined) isWanted = take(bytes, flow);
    },
  };
}
