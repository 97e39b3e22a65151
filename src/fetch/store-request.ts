/**
 * One request to the store, redirects included: asks the source for it (so the signature is fresh), sends it, and hands a
 * success to the taker. Everything else becomes a typed error. Refuses to retry and to know about ranges.
 */

import { AccessDeniedError, InvalidOptionError, ProtocolError } from '../errors.js';
import { parseHttpDateMs } from '../http-date.js';
import { singleHeader } from '../object-info.js';
import { checkRecord } from '../option-checks.js';
import type { CheckedOptions } from '../options.js';
import { orAborted } from '../or-aborted.js';
import { echoConcealer, requestSecrets } from '../redact.js';
import type { RequestContext, SourceRequest } from '../source/source.js';
import { wallClockMs } from '../time.js';
import { checkServes } from '../transport/dispatcher-origin.js';
import { exchange, type ResponseHead } from '../transport/exchange.js';
import type { Flow } from '../transport/flow.js';
import { MAX_ERROR_BODY_BYTES } from './error-document.js';
import type { FetchContext } from './fetch-context.js';
import { payRateLimit } from './rate-limit.js';
import { isRedirect, resolveRedirect, type SplitUrl, splitUrl } from './redirect.js';
import { createStoreError } from './store-error.js';

/** Under a rate limit the bytes come in portions: of all connections together a tenth of a second's, within this. */
const LIMITED_READ_BYTES = { min: 4 * 1024, max: 64 * 1024 };

/** How one attempt presents itself to the source; `signal` ends this attempt alone. */
export type AttemptInfo = Pick<RequestContext, 'attempt' | 'reason' | 'refused' | 'signal'>;

export interface StoreRequest extends AttemptInfo {
  readonly method: 'GET' | 'HEAD';
  /** The pipeline's own headers, lower-case; they win over the source's. */
  readonly headers: Readonly<Record<string, string>>;
  /** The caller's conditions among the headers, to name them when one fails. */
  readonly conditions?: readonly string[];
}

/** The head of a response. */
export interface StoreResponse extends ResponseHead {
  /** A redirect led to a place that is not the source's. */
  readonly isElsewhere: boolean;
  /** A header value without what the request must not show of itself: a server may echo it. */
  conceal(value: string): string;
}

/** Takes a response of status 2xx. Throwing gives up the exchange with that error. */
export interface ResponseTaker {
  onHead(head: StoreResponse, flow: Flow): void;
  /** `'done'` ends the exchange with success: nothing more is wanted. */
  onBytes(bytes: Buffer): 'done' | undefined;
  /** Sees the head of a response that is no success, and may throw an error of its own for it. */
  onRefusal?(head: StoreResponse): void;
}

/** Headers of every request: no compression (RFC 9110 section 12.5.3). */
const COMMON_HEADERS: Readonly<Record<string, string>> = { 'accept-encoding': 'identity' };
/** Who we are, unless the source says otherwise. */
const USER_AGENT: Readonly<Record<string, string>> = { 'user-agent': 'partstream' };

/** Sends one request and feeds its response to `taker`. */
export async function sendStoreRequest(
  context: FetchContext,
  request: StoreRequest,
  taker: ResponseTaker,
): Promise<void> {
  // Small answers arrive at once: what went over a rate limit is waited for before the next request.
  await payRateLimit(context.rateLimit, request.signal);
  const own = { ...COMMON_HEADERS, ...request.headers };
  const asked: RequestContext = {
    method: request.method,
    headers: own,
    attempt: request.attempt,
    reason: request.reason,
    ...(request.refused && { refused: request.refused }),
    clockOffsetMs: context.clockOffsetMs,
    signal: request.signal,
  };
  const sent: SourceRequest[] = [];
  let isAway = false;
  let firstOrigin: string | undefined;
  let next = await orAborted(context.source.request(asked), request.signal);
  if (typeof next?.url !== 'string') throw new InvalidOptionError('source', 'its request() gave nothing with a url');
  for (let hops = 0; ; hops += 1) {
    const url = checkedUrl(next);
    firstOrigin ??= url.origin;
    if (url.origin !== firstOrigin) checkServes(context.options.dispatcher, url.origin);
    request.signal.throwIfAborted();
    sent.push(next);
    const origin = { isElsewhere: isAway, conceal: echoConcealer(sent) };
    const outcome = await exchangeOnce(context, url, next, { ...request, headers: own }, origin, taker);
    if (outcome === undefined) return;
    if (!isRedirect(outcome.head.statusCode)) {
      const error = createStoreError(
        { ...outcome.head, body: outcome.body },
        { conditions: request.conditions, secrets: requestSecrets(sent) },
      );
      if (error instanceof AccessDeniedError && error.storeCode === 'RequestTimeTooSkewed')
        learnClock(context, outcome.head);
      refusedRequests.set(error, next);
      throw error;
    }
    const target = resolveRedirect(next.url, outcome.head.headers.location, hops, requestSecrets(sent));
    // Invariant: once a redirect has led to a place that is not the source's, no later one gets its headers back.
    const following: Promise<SourceRequest | undefined> | undefined = isAway
      ? undefined
      : context.source.follow?.(target, outcome.head.statusCode, asked);
    const signed: SourceRequest | undefined = following && (await orAborted(following, request.signal));
    isAway ||= signed === undefined;
    next = signed ?? { url: target, tls: next.tls };
  }
}

const refusedRequests = new WeakMap<Error, SourceRequest>();

/** The request that the store answered with this refusal. */
export function refusedRequestOf(error: unknown): SourceRequest | undefined {
  return error instanceof Error ? refusedRequests.get(error) : undefined;
}

interface NotTaken {
  readonly head: ResponseHead;
  readonly body: Buffer;
}

/** One exchange; undefined when the taker took the response, else its head and the beginning of its body. */
async function exchangeOnce(
  context: FetchContext,
  url: SplitUrl,
  sourceRequest: SourceRequest,
  { method, headers: own, signal }: StoreRequest,
  origin: Pick<StoreResponse, 'isElsewhere' | 'conceal'>,
  taker: ResponseTaker,
): Promise<NotTaken | undefined> {
  const { options } = context;
  let refused: ResponseHead | undefined;
  const body: Buffer[] = [];
  let bodyBytes = 0;
  context.counters.requests += 1;
  // A source that is not ours may write the names in any case.
  const sourceHeaders = Object.fromEntries(
    Object.entries(sourceRequest.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const run = exchange(
    context.dispatcherFor(url.origin, sourceRequest.tls),
    // Invariant: a source's headers never replace the range, the condition or the encoding that the pipeline asks for.
    { origin: url.origin, path: url.target, method, headers: { ...USER_AGENT, ...sourceHeaders, ...own } },
    {
      ...options.timeouts,
      minBytesPerSecond: options.minBytesPerSecond,
      maxReadBytes: limitedReadBytes(options),
    },
    {
      onHead(head, flow) {
        if (head.statusCode >= 200 && head.statusCode < 300) {
          taker.onHead({ ...head, ...origin }, flow);
          return;
        }
        taker.onRefusal?.({ ...head, ...origin });
        refused = head;
      },
      onBytes(bytes) {
        if (refused === undefined) {
          context.counters.transferredBytes += bytes.length;
          context.rateLimit?.spend(bytes.length);
          return taker.onBytes(bytes);
        }
        body.push(Buffer.from(bytes));
        bodyBytes += bytes.length;
        return bodyBytes >= MAX_ERROR_BODY_BYTES ? 'done' : undefined;
      },
    },
    signal,
  );
  try {
    await run;
  } catch (error) {
    // A refusal whose explanation is cut short is still that refusal.
    if (refused === undefined || signal.aborted) throw error;
  }
  return refused === undefined ? undefined : { head: refused, body: Buffer.concat(body) };
}

function limitedReadBytes({ maxBytesPerSecond, concurrency }: CheckedOptions): number | undefined {
  if (maxBytesPerSecond === undefined) return undefined;
  const portion = Math.floor(maxBytesPerSecond / 10 / concurrency);
  return Math.min(LIMITED_READ_BYTES.max, Math.max(LIMITED_READ_BYTES.min, portion));
}

function checkedUrl({ url, headers }: SourceRequest): SplitUrl {
  // `new Headers()` and pairs would pass for none, and what they hold would be missing in silence.
  if (headers !== undefined) checkRecord('source.headers', headers);
  const split = splitUrl(url);
  if (split === undefined) throw new InvalidOptionError('source', 'its request has no http(s) URL');
  if (/[^\x21-\x7e]/.test(url))
    throw new InvalidOptionError('source', 'its URL holds characters that HTTP does not allow');
  return split;
}

/** Invariant: the difference to the store's clock is only learned from a response that complains about it. */
function learnClock(context: FetchContext, head: ResponseHead): void {
  const date = parseHttpDateMs(singleHeader(head.headers, 'date') ?? '');
  if (Number.isNaN(date)) throw new ProtocolError('the store complains about the time without telling its own');
  context.clockOffsetMs = date - wallClockMs();
}
