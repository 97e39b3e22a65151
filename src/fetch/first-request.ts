/**
 * The request that discovers the object: a ranged GET whose answer tells what the object is and already brings its
 * first bytes. Refuses to guess: an answer that leaves the size or the place of the bytes open is an error.
 */

import { type ByteRange, formatRangeHeader, parseUnsatisfiedRange } from '../byte-range.js';
import type { Conditions } from '../download-options.js';
import { ProtocolError } from '../errors.js';
import { type ObjectInfo, readObjectInfo, singleHeader } from '../object-info.js';
import type { FetchContext } from './fetch-context.js';
import { requestEmptyObject } from './head-request.js';
import { bindObject, checkPlainBody, mayJoin, type ObjectBinding } from './object-binding.js';
import { checkContentRange, createBodyCounter, mayBeDecoded, type TakeBytes } from './range-request.js';
import { createCheckedBody, readWholeObject, type SeenPrefix, unsatisfiable } from './sequential-request.js';
import { type AttemptInfo, type StoreRequest, type StoreResponse, sendStoreRequest } from './store-request.js';

/** What the first request is for, and how it is made. */
export interface FirstRequest {
  /** The bytes that the caller of the download asked for. */
  readonly range: { readonly start: number; readonly end: number | undefined };
  /** The bytes to ask for first; a resumed download begins where its checkpoint ends. */
  readonly first: ByteRange;
  /** Only the head is wanted: whether parts could be put together does not matter. */
  readonly isProbe?: boolean;
  /** Without `Range`. */
  readonly isPlain?: boolean;
}

/** What the first answer told. */
export interface Discovery {
  /** `size` is NaN when the server tells it only by the end of the body. */
  readonly object: ObjectInfo;
  readonly binding: ObjectBinding;
  /** A redirect led to a place that is not the source's: see `ObjectSource.checksum`. */
  readonly isElsewhere: boolean;
  /** `sequential`: this one response brings everything; ranged GETs would be ignored, or could mix versions. */
  readonly mode: 'ranged' | 'sequential';
  /** The bytes of the object that the download is about; `end` is Infinity while the size is unknown. */
  readonly wanted: ByteRange;
  /** The bytes that this answer is to bring. */
  readonly range: ByteRange;
}

/** How the first request has to be made instead. */
export type OtherWay = 'plain GET' | 'from the start' | 'empty object';

/**
 * Sends the first request, and calls `onDiscovered` before the first byte is handed on.
 * Resolves with another way when the answer asks for one; then nothing was discovered.
 */
export async function requestFirst(
  context: FetchContext,
  asked: FirstRequest,
  info: AttemptInfo,
  seen: SeenPrefix,
  take: TakeBytes,
  onDiscovered: (discovery: Discovery) => void,
): Promise<OtherWay | undefined> {
  let otherWay: OtherWay | undefined;
  let isUnsized = false;
  let isSaidEmpty = false;
  let body = createBodyCounter(take);
  const conditional = conditionalHeaders(context.options.conditions);
  const range: Record<string, string> = asked.isPlain ? {} : { range: formatRangeHeader(asked.first) };
  try {
    await sendStoreRequest(
      context,
      { method: 'GET', ...conditional, headers: { ...range, ...conditional.headers }, ...info },
      {
        onHead(head, flow) {
          checkPlainBody(undefined, head, context.source);
          const discovery = readDiscovery(context, head, asked);
          otherWay = needsPlainGet(context, asked, discovery) ? 'plain GET' : undefined;
          if (otherWay !== undefined) return;
          const { range, object, mode } = discovery;
          isUnsized = Number.isNaN(object.size);
          const bodyStart = head.statusCode === 206 ? range.start : 0;
          if (mode === 'sequential') {
            seen.range = head.statusCode === 206 ? range : undefined;
            seen.start = bodyStart;
            seen.end = bodyStart;
            body = createCheckedBody(context, discovery.binding, seen, bodyStart, take);
          }
          const bodyEnd = head.statusCode === 206 ? range.end : object.size;
          const isChecked = mayBeDecoded(context, head);
          body.expect({ skip: range.start - bodyStart, length: bodyEnd - range.start, flow, isChecked });
          onDiscovered(discovery);
        },
        onBytes: (bytes) => (otherWay === undefined ? body.onBytes(bytes) : 'done'),
        onRefusal(head) {
          // To a plain GET it is a refusal like any other.
          if (head.statusCode !== 416 || asked.isPlain) return;
          const size = parseUnsatisfiedRange(singleHeader(head.headers, 'content-range') ?? '');
          isSaidEmpty = size === 0;
          otherWay = afterUnsatisfied(size, asked);
        },
      },
    );
    // Without a length only the end of the body tells that the range begins past it.
    const { start } = asked.range;
    if (isUnsized && body.unskipped > 0) throw unsatisfiable(start, start - body.unskipped);
    body.checkComplete();
  } catch (error) {
    if (otherWay === undefined) throw error;
  }
  if (otherWay !== 'empty object') return otherWay;
  const found = await requestEmptyObject(context, info, conditional, isSaidEmpty);
  if (found === undefined) return 'plain GET';
  const empty = { start: 0, end: 0 };
  onDiscovered({ ...found, binding: bindObject(found.object), mode: 'ranged', wanted: empty, range: empty });
  return undefined;
}

function readDiscovery(context: FetchContext, head: StoreResponse, asked: FirstRequest): Discovery {
  const { start, end } = asked.range;
  const { isElsewhere } = head;
  if (head.statusCode === 206 && !asked.isPlain) {
    const sent = checkContentRange(head.headers, asked.first);
    if (sent.total === undefined) throw new ProtocolError('the server does not tell the size of the object');
    const object = readObjectInfo(head.headers, sent.total, head.conceal);
    const binding = bindObject(object);
    const wantedEnd = Math.min(end ?? sent.total, sent.total);
    const range = { start: sent.start, end: Math.min(sent.end, wantedEnd) };
    const isAll = sent.start === start && range.end === wantedEnd;
    // Invariant: where no ETag tells versions apart, an answer that brings all is only continued behind its own bytes.
    const mode = isAll && !mayJoin(context, binding) && !asked.isProbe ? 'sequential' : 'ranged';
    return { object, binding, isElsewhere, mode, wanted: { start, end: wantedEnd }, range };
  }
  if (head.statusCode !== 200) throw new ProtocolError(`the server answered ${head.statusCode} to the first GET`);
  const object = readWholeObject(head);
  const size = Number.isNaN(object.size) ? Number.POSITIVE_INFINITY : object.size;
  if (start > 0 && start >= size) throw unsatisfiable(start, size);
  const wantedEnd = Math.min(end ?? size, size);
  return {
    object,
    binding: bindObject(object),
    isElsewhere,
    mode: 'sequential',
    wanted: { start, end: wantedEnd },
    // From its beginning, whatever is on disk already: the body comes from there anyway.
    range: { start, end: wantedEnd },
  };
}

/** Invariant: without a strong ETag, bytes of two responses are never put together unless the caller allows it. */
function needsPlainGet(
  context: FetchContext,
  { first, isProbe }: FirstRequest,
  { mode, binding, range, wanted }: Discovery,
): boolean {
  if (isProbe || mode === 'sequential' || mayJoin(context, binding)) return false;
  return first.start !== wanted.start || range.end !== wanted.end;
}

/** `size` is that of the object as the refusal tells it, if it does. */
function afterUnsatisfied(size: number | undefined, { range, first }: FirstRequest): OtherWay | undefined {
  if (first.start > range.start) return 'from the start';
  return range.start === 0 && (size ?? 0) === 0 ? 'empty object' : undefined;
}

/** The headers that carry the caller's conditions, and the names of the conditions. */
function conditionalHeaders(conditions: Conditions): Pick<StoreRequest, 'headers' | 'conditions'> {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  const headers: Record<string, string> = {
    ...(ifMatch !== undefined && { 'if-match': ifMatch }),
    ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
    ...(ifModifiedSince && { 'if-modified-since': ifModifiedSince.toUTCString() }),
    ...(ifUnmodifiedSince && { 'if-unmodified-since': ifUnmodifiedSince.toUTCString() }),
  };
  const names = Object.entries(conditions).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  return { headers, conditions: names };
}
