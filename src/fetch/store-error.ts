/**
 * Turns a refusal of the store (status, headers, body) into a typed error. Text of the server is sanitised and cut;
 * refuses to show anything else of the body.
 */

import {
  AccessDeniedError,
  ConditionNotMetError,
  type DownloadError,
  NotFoundError,
  ProtocolError,
  type StoreAnswer,
  StoreError,
} from '../errors.js';
import { parseHttpDateMs } from '../http-date.js';
import type { ResponseHeaders } from '../object-info.js';
import { hideSecrets, sanitizeText } from '../redact.js';
import { wallClockMs } from '../time.js';
import { parseErrorDocument } from './error-document.js';

/** The response of a store that is not a success. */
export interface Refusal {
  readonly statusCode: number;
  readonly headers: ResponseHeaders;
  readonly body: Uint8Array;
}

/** What was sent with the request that was refused. */
export interface SentRequest {
  /** The names of the caller's conditions. */
  readonly conditions?: readonly string[] | undefined;
  /** A store may echo them; see {@link requestSecrets}. */
  readonly secrets?: readonly string[] | undefined;
}

/** The typed error for a refusal. Invariant: a secret of the request that a server echoes is in no error. */
export function createStoreError(refusal: Refusal, { conditions = [], secrets = [] }: SentRequest = {}): DownloadError {
  const { statusCode, headers } = refusal;
  const clean = (text: string | undefined) => cleanText(text, secrets);
  const document = parseErrorDocument(refusal.body);
  const storeCode = clean(document?.code ?? header(headers, 'x-obs-error-code') ?? header(headers, 'x-amz-error-code'));
  const message = clean(
    document?.message ?? header(headers, 'x-obs-error-message') ?? header(headers, 'x-amz-error-message'),
  );
  const answer: StoreAnswer = {
    statusCode,
    storeCode,
    storeMessage: message,
    requestId: clean(document?.requestId ?? REQUEST_ID_HEADERS.map((name) => header(headers, name)).find(Boolean)),
  };
  const said = [storeCode, message ?? snippet(refusal, secrets)].filter(Boolean).join(': ') || 'no explanation';
  const text = `the store answered ${statusCode}: ${said}`;
  // Without a condition in the request it is a refusal like any other.
  const isCondition = conditions.length > 0 || document?.condition !== undefined;
  if ((statusCode === 304 || statusCode === 412) && isCondition) {
    const named = document?.condition ?? '';
    const condition = CONDITION_NAMES.get(named) ?? clean(named) ?? conditionsBehind(statusCode, conditions);
    return new ConditionNotMetError(statusCode, condition, answer);
  }
  if (statusCode === 404 || statusCode === 410) return new NotFoundError(text, answer);
  const isExpired = statusCode === 400 && EXPIRED_CODES.has(storeCode ?? '');
  if (statusCode === 401 || statusCode === 403 || isExpired) {
    const isArchived = storeCode === 'InvalidObjectState';
    const hint = isArchived ? ' (the object is archived: restore it, and download when the restore is complete)' : '';
    return new AccessDeniedError(text + hint, answer);
  }
  if (statusCode < 400) return new ProtocolError(`the server answered ${statusCode} to a GET of a range`);
  return new StoreError(text, answer, parseRetryAfterMs(header(headers, 'retry-after')));
}

/** `Retry-After` in milliseconds: seconds or an HTTP date (RFC 9110 section 10.2.3); undefined when it is neither. */
export function parseRetryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER);
  const date = /^[A-Z][a-z]{2,8},? /.test(value) ? parseHttpDateMs(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallClockMs());
}

const REQUEST_ID_HEADERS = ['x-obs-request-id', 'x-amz-request-id', 'x-request-id'];

/** The codes with which S3 answers 400 when temporary credentials have expired (its list of error codes). */
const EXPIRED_CODES = new Set(['ExpiredToken', 'TokenRefreshRequired', 'InvalidToken', 'RequestExpired']);

const CONDITION_NAMES: ReadonlyMap<string, string> = new Map([
  ['If-Match', 'ifMatch'],
  ['If-None-Match', 'ifNoneMatch'],
  ['If-Modified-Since', 'ifModifiedSince'],
  ['If-Unmodified-Since', 'ifUnmodifiedSince'],
]);

function conditionsBehind(statusCode: 304 | 412, sent: readonly string[]): string {
  const possible = statusCode === 412 ? ['ifMatch', 'ifUnmodifiedSince'] : ['ifNoneMatch', 'ifModifiedSince'];
  const candidates = possible.filter((name) => sent.includes(name));
  return (candidates.length > 0 ? candidates : possible).join(', ');
}

function cleanText(text: string | undefined, secrets: readonly string[]): string | undefined {
  if (text === undefined || text === '') return undefined;
  return sanitizeText(hideSecrets(text, secrets)) || undefined;
}

/** The beginning of a body that is no error document, when it is text: a proxy's page often says what is wrong. */
function snippet({ headers, body }: Refusal, secrets: readonly string[]): string | undefined {
  const type = header(headers, 'content-type') ?? '';
  if (!/^(text|application)\/(plain|html|json|xml)/i.test(type)) return undefined;
  const text = hideSecrets(new TextDecoder().decode(body), secrets).slice(0, 1024);
  return sanitizeText(text.replace(/<[^>]*>/g, ' '));
}

function header(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
