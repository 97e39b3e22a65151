/**
 * ONE plain GET of the whole object: for servers that ignore Range, and for objects without a strong ETag, whose parts
 * could come from two versions. A request that continues a cut one skips what is there already and proves that it is the
 * same. Refuses ranges.
 */

import { crc32 } from 'node:zlib';
import { type ByteRange, formatRangeHeader } from '../byte-range.js';
import { ObjectChangedError, ProtocolError } from '../errors.js';
import { type ObjectInfo, type ResponseHeaders, readObjectInfo, singleHeader } from '../object-info.js';
import { sleep } from '../time.js';
import type { ResponseHead } from '../transport/exchange.js';
import type { Flow } from '../transport/flow.js';
import type { FetchContext } from './fetch-context.js';
import {
  checkPlainBody,
  checkSameObject,
  isValidated,
  type ObjectBinding,
  otherEtag,
  pinningHeaders,
} from './object-binding.js';
import {
  type AttemptInfo,
  checkContentRange,
  createBodyCounter,
  parseContentLength,
  type TakeBytes,
} from './range-request.js';
import { sendStoreRequest } from './store-request.js';

/** The object's bytes from where the first response began up to where any response got, by their checksum. */
export interface SeenPrefix {
  /** What the first answer was of, where the server sends ranges: the next one can be of the same. */
  range: ByteRange | undefined;
  start: number;
  end: number;
  crc: number;
}

/** The part of a response head that tells how long a plain body is. */
export function readWholeObject(headers: ResponseHeaders): ObjectInfo {
  const length = parseContentLength(headers);
  // Invariant: a body whose end cannot be told from a cut connection is never taken for a whole object.
  if (length === undefined && !/chunked/i.test(singleHeader(headers, 'transfer-encoding') ?? '')) {
    throw new ProtocolError('the server sent neither Content-Length nor chunks: a cut body would look complete');
  }
  return readObjectInfo(headers, length ?? Number.NaN);
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
  const { range } = seen;
  const asked: Record<string, string> = range === undefined ? {} : { range: formatRangeHeader(range) };
  await sendStoreRequest(
    context,
    { method: 'GET', headers: { ...asked, ...pinningHeaders(binding) }, ...info },
    {
      onRefusal({ statusCode, headers }) {
        // An object that lacks what it had is another one.
        if (statusCode !== 412 && (statusCode !== 416 || range === undefined)) return;
        const actual = otherEtag(binding, headers);
        throw new ObjectChangedError('the object was replaced while it was downloaded', binding.etag, actual);
      },
      onHead(head, flow) {
        checkPlainBody(binding, head.headers, context.source.echoesContentEncoding === true);
        const sent = sentBytes(head, range);
        checkSameObject(binding, head.headers, sent.total);
        const check = createPrefixCheck(binding, seen, sent.start);
        body = createBodyCounter(check.tap(take), (bytes, from) => {
          check.onBytes(bytes);
          holdForRateLimit(context, from);
        });
        body.expect({ skip: start - sent.start, length: sent.end - start, flow });
      },
      onBytes: (bytes) => body.onBytes(bytes),
    },
  );
  body.checkComplete();
}

/** Which bytes a later answer brings: those of `range`, where it has them, or all. */
function sentBytes(head: ResponseHead, range: ByteRange | undefined): ByteRange & { total: number | undefined } {
  if (head.statusCode === 206 && range !== undefined) return checkContentRange(head.headers, range);
  if (head.statusCode !== 200) throw new ProtocolError(`the server answered ${head.statusCode} to a plain GET`);
  const total = parseContentLength(head.headers);
  return { start: 0, end: total ?? Number.NaN, total };
}

/** What is skipped counts, too. */
export function holdForRateLimit({ rateLimit, options, signal }: FetchContext, flow: Flow): void {
  const pauseMs = rateLimit?.spend(0) ?? 0;
  if (pauseMs < 1 || options.dispatcher !== undefined) return;
  flow.pause();
  sleep(pauseMs, signal).then(flow.resume.bind(flow), () => {});
}

/** Compares what a later response says about the bytes seen before; see {@link requestSequential}. */
export interface PrefixCheck {
  /** Every byte that is skipped passes here. */
  onBytes(bytes: Buffer): void;
  /** Wraps a taker so that every byte that is handed on passes too. */
  tap(take: TakeBytes): TakeBytes;
}

/** @param from - where the body of the response begins; not behind `seen.start` */
export function createPrefixCheck(binding: ObjectBinding, seen: SeenPrefix, from: number): PrefixCheck {
  let at = from;
  let crc = 0;
  const onBytes = (all: Buffer) => {
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
  return {
    onBytes(bytes) {
      if (!isValidated(binding)) onBytes(bytes);
    },
    tap(take: TakeBytes): TakeBytes {
      if (isValidated(binding)) return take;
      return (bytes, flow) => {
        onBytes(bytes);
        return take(bytes, flow);
      };
    },
  };
}
