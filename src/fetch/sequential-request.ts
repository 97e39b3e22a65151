/**
 * ONE plain GET of the whole object: for servers that ignore Range, and for objects without a strong ETag, whose parts
 * could come from two versions. A request that continues a cut one skips what is there already and proves that it is the
 * same. Refuses ranges.
 */

import { crc32 } from 'node:zlib';
import { type ByteRange, formatRangeHeader } from '../byte-range.js';
import { ObjectChangedError, ProtocolError, StoreError } from '../errors.js';
import { type ObjectInfo, type ResponseHeaders, readEtag, readObjectInfo } from '../object-info.js';
import type { ResponseHead } from '../transport/exchange.js';
import type { FetchContext } from './fetch-context.js';
import { checkPlainBody, checkSameObject, isValidated, type ObjectBinding, pinningHeaders } from './object-binding.js';
import {
  type BodyCounter,
  checkContentRange,
  createBodyCounter,
  mayBeDecoded,
  parseWholeLength,
  refuseChanged,
  type TakeBytes,
} from './range-request.js';
import { holdForRateLimit } from './rate-limit.js';
import { type AttemptInfo, type StoreResponse, sendStoreRequest } from './store-request.js';

/** The bytes from where the first response began to the furthest that any response came, as a checksum of them. */
export interface SeenPrefix {
  /** The range of the first answer, where the server sends ranges: the next request asks for the same one. */
  range: ByteRange | undefined;
  start: number;
  end: number;
  crc: number;
}

/** What the head of a plain response says about the object; `size` is NaN when the body is chunked. */
export function readWholeObject({ headers, conceal }: StoreResponse): ObjectInfo {
  return readObjectInfo(headers, plainLength(headers) ?? Number.NaN, conceal);
}

/** Undefined when the body is chunked. */
function plainLength(headers: ResponseHeaders): number | undefined {
  const length = parseWholeLength(headers);
  // Invariant: a body whose end cannot be told from a cut connection is never taken for a whole object.
  if (length === undefined && headers['transfer-encoding'] === undefined) {
    throw new ProtocolError('the server sent neither Content-Length nor chunks: a cut body would look complete');
  }
  return length;
}

/**
 * Requests the same bytes again, or the whole object, and hands them on from `start`.
 * @throws ObjectChangedError when the bytes before `seen.end` are not the ones that were seen before
 */
export async function requestSequential(
  context: FetchContext,
  binding: ObjectBinding,
  start: number,
  info: AttemptInfo,
  seen: SeenPrefix,
  take: TakeBytes,
): Promise<void> {
  let body = createBodyCounter(take);
  /** The head of an answer whose end alone tells how long the object is. */
  let unsized: ResponseHead | undefined;
  /** The object ends before the bytes that are wanted. */
  const refuseEnd = (size: number, { headers }: ResponseHead) => {
    if (size >= seen.end) throw unsatisfiable(start, size);
    const etag = readEtag(headers);
    throw new ObjectChangedError('the object became shorter while it was downloaded', binding.etag, etag);
  };
  const { range } = seen;
  const asked: Record<string, string> = range === undefined ? {} : { range: formatRangeHeader(range) };
  await sendStoreRequest(
    context,
    { method: 'GET', headers: { ...asked, ...pinningHeaders(binding) }, ...info },
    {
      onRefusal(head) {
        // An object that lacks what it had is another one.
        if (head.statusCode === 412 || range !== undefined) refuseChanged(binding, head);
      },
      onHead(head, flow) {
        checkPlainBody(binding, head, context.source);
        const sent = sentBytes(head, range);
        checkSameObject(binding, head.headers, sent.total);
        if (sent.total !== undefined && sent.total < start) refuseEnd(sent.total, head);
        if (Number.isNaN(sent.end)) unsized = head;
        body = createCheckedBody(context, binding, seen, sent.start, take);
        const isChecked = mayBeDecoded(context, head);
        body.expect({ skip: start - sent.start, length: Math.max(0, sent.end - start), flow, isChecked });
      },
      onBytes: (bytes) => body.onBytes(bytes),
    },
  );
  if (body.unskipped > 0 && unsized !== undefined) refuseEnd(start - body.unskipped, unsized);
  body.checkComplete();
}

/** The refusal of a range that begins past the object's end, for where no server has said so. */
export function unsatisfiable(start: number, size: number): StoreError {
  return new StoreError(`the range starts at ${start}, but the object has ${size} bytes`, {
    statusCode: 416,
    storeCode: 'InvalidRange',
  });
}

/** Which bytes a later answer brings: those of `range`, where it has them, or all. */
function sentBytes(head: ResponseHead, range: ByteRange | undefined): ByteRange & { total: number | undefined } {
  if (head.statusCode === 206 && range !== undefined) return checkContentRange(head.headers, range);
  if (head.statusCode !== 200) throw new ProtocolError(`the server answered ${head.statusCode} to a plain GET`);
  const total = plainLength(head.headers);
  return { start: 0, end: total ?? Number.NaN, total };
}

/** Counts a body that begins at `from`, at or before `seen.start`; bytes that came before are compared with these. */
export function createCheckedBody(
  context: FetchContext,
  binding: ObjectBinding,
  seen: SeenPrefix,
  from: number,
  take: TakeBytes,
): BodyCounter {
  const check = createPrefixCheck(binding, seen, from);
  const takeChecked: TakeBytes = (bytes, flow) => {
    check(bytes);
    return take(bytes, flow);
  };
  return createBodyCounter(takeChecked, (bytes, flow) => {
    check(bytes);
    // Bytes that are skipped count against the limit, too.
    const paid = holdForRateLimit(context);
    if (paid === undefined) return;
    flow.pause();
    paid.then(
      () => flow.resume(),
      () => {},
    );
  });
}

/** Every byte of a response passes here, in order. With a strong ETag they are only counted. */
function createPrefixCheck(binding: ObjectBinding, seen: SeenPrefix, from: number): (bytes: Buffer) => void {
  let at = from;
  let crc = 0;
  if (isValidated(binding)) {
    return (bytes) => {
      at += bytes.length;
      seen.end = Math.max(seen.end, at);
    };
  }
  return (all) => {
    const bytes = all.subarray(Math.max(0, seen.start - at));
    at += all.length - bytes.length;
    const known = bytes.subarray(0, Math.max(0, seen.end - at));
    crc = crc32(known, crc);
    at += known.length;
    // Invariant: without a strong ETag, a continued body is used only behind the very bytes that came before.
    if (known.length > 0 && at === seen.end && crc !== seen.crc) {
      throw new ObjectChangedError('the object was replaced while it was downloaded', binding.etag, undefined);
    }
    const fresh = bytes.subarray(known.length);
    if (fresh.length === 0) return;
    crc = crc32(fresh, crc);
    at += fresh.length;
    seen.end = at;
    seen.crc = crc;
  };
}
