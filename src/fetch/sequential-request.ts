/**
 * ONE plain GET of the whole object: for servers that ignore Range, and for objects without a strong ETag, whose parts
 * could come from two versions. A request that continues a cut one skips what is there already and proves that it is the
 * same. Refuses ranges.
 */

import { crc32 } from 'node:zlib';
import { ObjectChangedError, ProtocolError } from '../errors.js';
import { type ObjectInfo, type ResponseHeaders, readObjectInfo, singleHeader } from '../object-info.js';
import type { FetchContext } from './fetch-context.js';
import {
  checkPlainBody,
  checkSameObject,
  isValidated,
  type ObjectBinding,
  otherEtag,
  pinningHeaders,
} from './object-binding.js';
import { type AttemptInfo, createBodyCounter, parseContentLength, type TakeBytes } from './range-request.js';
import { sendStoreRequest } from './store-request.js';

/** The object's bytes from where the first response began up to where any response got, by their checksum. */
export interface SeenPrefix {
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
 * Requests the whole object again and hands on its bytes from `start`.
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
  const check = createPrefixCheck(binding, seen, 0);
  const body = createBodyCounter(check.tap(take), check.onBytes);
  await sendStoreRequest(
    context,
    { method: 'GET', headers: pinningHeaders(binding), ...info },
    {
      onRefusal({ statusCode, headers }) {
        if (statusCode !== 412) return;
        const actual = otherEtag(binding, headers);
        throw new ObjectChangedError('the object was replaced while it was downloaded', binding.etag, actual);
      },
      onHead(head, flow) {
        checkPlainBody(binding, head.headers, context.source.echoesContentEncoding === true);
        if (head.statusCode !== 200) throw new ProtocolError(`the server answered ${head.statusCode} to a plain GET`);
        const length = parseContentLength(head.headers);
        checkSameObject(binding, head.headers, length);
        body.expect({ skip: start, length: (length ?? Number.NaN) - start, flow });
      },
      onBytes: body.onBytes,
    },
  );
  body.checkComplete();
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
