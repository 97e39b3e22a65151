/**
 * Which failures are retried, when, and why: one table, read from top to bottom. Pure; refuses to wait or to count by
 * itself.
 */

import type { Filled, RetryOptions } from '../download-options.js';
import { errorCode } from '../error-code.js';
import { AccessDeniedError, NetworkError, ProtocolError, StoreError, TimeoutError } from '../errors.js';
import { isCertificateError, isStaleConnection } from '../transport/network-failure.js';

/** What the requests for one piece have been through since one of them brought a byte. */
export interface RetryHistory {
  /** Requests in a row that brought no new byte; one that brought some before it failed is not among them. */
  readonly fruitlessAttempts: number;
  readonly protocolErrors: number;
  readonly credentialRefreshes: number;
  readonly clockCorrections: number;
  readonly staleConnections: number;
}

export const FRESH: RetryHistory = {
  fruitlessAttempts: 0,
  protocolErrors: 0,
  credentialRefreshes: 0,
  clockCorrections: 0,
  staleConnections: 0,
};

/** Every row that applies only so many times has been used up. */
const WORN_OUT: RetryHistory = {
  fruitlessAttempts: 0,
  protocolErrors: Number.POSITIVE_INFINITY,
  credentialRefreshes: Number.POSITIVE_INFINITY,
  clockCorrections: Number.POSITIVE_INFINITY,
  staleConnections: Number.POSITIVE_INFINITY,
};

/** What to do about a failure; `charged`: it counts against `retry.attempts`. */
export interface RetryDecision {
  readonly action: 'fail' | 'backoff' | 'at-once' | 'refresh-credentials' | 'correct-clock';
  readonly charged: boolean;
}

interface Row {
  readonly why: string;
  readonly matches: (error: unknown, history: RetryHistory) => boolean;
  readonly decision: RetryDecision;
}

const FAIL: RetryDecision = { action: 'fail', charged: true };
const BACKOFF: RetryDecision = { action: 'backoff', charged: true };
/** The server failed, and may not the next time; but what it does not implement (501, 505) it will not then either. */
const isServerFailure = (status: number) => status >= 500 && status !== 501 && status !== 505;
const RETRYABLE_REFUSALS = new Set([408, 425, 429]);
/** Refusals that fresh credentials or a fresh URL cannot cure. */
const LASTING_REFUSALS = new Set([
  ...['InvalidObjectState', 'SignatureDoesNotMatch', 'RequestTimeTooSkewed', 'RequestPayerDenied', 'AllAccessDisabled'],
  ...['VirtualHostDomainRequired', 'InArrearOrInsufficientBalance', 'CredentialsProviderFailed', 'UrlProviderFailed'],
]);

const TABLE: readonly Row[] = [
  {
    why: 'the clocks differ: sign once more with the time of the store',
    matches: (e, h) => isRefusal(e, 'RequestTimeTooSkewed') && h.clockCorrections === 0,
    decision: { action: 'correct-clock', charged: false },
  },
  {
    why: 'credentials or a presigned URL may have expired: once more with fresh ones',
    matches: (e, h) =>
      e instanceof AccessDeniedError && !LASTING_REFUSALS.has(e.storeCode ?? '') && h.credentialRefreshes === 0,
    decision: { action: 'refresh-credentials', charged: false },
  },
  {
    why: 'the server closed an idle connection just as it was used again: not a failure of the request',
    matches: (e, h) => isStaleConnection(e) && h.staleConnections < 2,
    decision: { action: 'at-once', charged: false },
  },
  {
    why: 'a certificate that does not verify will not verify later',
    matches: (e) => isCertificateError(e),
    decision: FAIL,
  },
  {
    why: 'a broken connection, or a silent one, says nothing about the object',
    matches: (e) => e instanceof NetworkError || e instanceof TimeoutError,
    decision: BACKOFF,
  },
  {
    why: 'the store is busy or asks to slow down',
    matches: (e) =>
      e instanceof StoreError &&
      (isServerFailure(e.statusCode) ||
        RETRYABLE_REFUSALS.has(e.statusCode) ||
        (e.statusCode === 409 && e.storeCode === 'OperationAborted')),
    decision: BACKOFF,
  },
  {
    why: 'one bad answer may come from one bad edge or proxy; a second one is how the server is',
    matches: (e, h) => e instanceof ProtocolError && h.protocolErrors < 2,
    decision: BACKOFF,
  },
];

/** The history with one more request in it that has brought no byte so far, and may have failed or not. */
export function afterFruitlessRequest(history: RetryHistory): RetryHistory {
  return { ...history, fruitlessAttempts: history.fruitlessAttempts + 1 };
}

/** The history with one more failure in it. `isFruitless`: the request that failed had brought no new byte. */
export function afterFailure(history: RetryHistory, error: unknown, isFruitless: boolean): RetryHistory {
  return {
    ...history,
    fruitlessAttempts: history.fruitlessAttempts + (isFruitless ? 1 : 0),
    protocolErrors: history.protocolErrors + (error instanceof ProtocolError ? 1 : 0),
  };
}

/** The history with one more retry in it that is not charged: the failure before it is not counted. */
export function afterFreeRetry(history: RetryHistory, action: RetryDecision['action']): RetryHistory {
  return {
    ...history,
    credentialRefreshes: history.credentialRefreshes + (action === 'refresh-credentials' ? 1 : 0),
    clockCorrections: history.clockCorrections + (action === 'correct-clock' ? 1 : 0),
    staleConnections: history.staleConnections + (action === 'at-once' ? 1 : 0),
  };
}

/** Decides about one failure, which `history` counts already. Everything that no row names fails at once. */
export function decideRetry(error: unknown, history: RetryHistory, options: Filled<RetryOptions>): RetryDecision {
  const decision = TABLE.find((row) => row.matches(error, history))?.decision ?? FAIL;
  return decision.charged && history.fruitlessAttempts >= options.attempts ? FAIL : decision;
}

/** True when fewer requests at a time would help: the store says so (429, 503), or this process has no descriptor left. */
export function asksForFewer(error: unknown): boolean {
  if (error instanceof StoreError) return error.statusCode === 429 || error.statusCode === 503;
  const code = error instanceof NetworkError ? errorCode(error.cause) : undefined;
  return code === 'EMFILE' || code === 'ENFILE';
}

/** True when more attempts of the same kind could have helped: the caller then sees a PartFailedError. */
export function isRetryable(error: unknown): boolean {
  return TABLE.find((row) => row.matches(error, WORN_OUT))?.decision === BACKOFF;
}

/**
 * How long to wait before attempt number `fruitlessAttempts + 1`: full jitter over an exponential back-off, and at
 * least what `Retry-After` asks for (RFC 9110 section 10.2.3), both within `maxDelayMs`.
 */
export function backoffDelayMs(
  error: unknown,
  fruitlessAttempts: number,
  options: Filled<RetryOptions>,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(options.maxDelayMs, options.baseDelayMs * 2 ** Math.max(0, fruitlessAttempts - 1));
  const asked = error instanceof StoreError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(Math.round(random() * ceiling), Math.min(asked, options.maxDelayMs));
}

function isRefusal(error: unknown, storeCode: string): boolean {
  return error instanceof AccessDeniedError && error.storeCode === storeCode;
}
