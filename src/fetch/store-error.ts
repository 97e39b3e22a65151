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
import type { ResponseHeaders } from '../object-info.js';
import { sanitizeText } from '../redact.js';
import { wallClockMs } from '../time.js';
import { parseErrorDocument } from './error-document.js';

/** The response of a store that is not a success. */
export interface Refusal {
  readonly statusCode: number;
  readonly headers: ResponseHeaders;
  readonly body: Uint8Array;
}

/** The typed error for a refusal. `sentConditions` names the caller's conditions that were sent with the request. */
export function createStoreError(refusal: Refusal, sentConditions: readonly string[] = []): DownloadError {
  const { statusCode, headers } = refusal;
  const document = parseErrorDocument(refusal.body);
  const storeCode = clean(document?.code ?? header(headers, 'x-obs-error-code') ?? header(headers, 'x-amz-error-code'));
  const message = clean(
    document?.message ?? header(headers, 'x-obs-error-message') ?? header(headers, 'x-amz-error-message'),
  );
  const answer: StoreAnswer = {
    statusCode,
    storeCode,
    storeMessage: message,
    requestId: clean(document?.requestId ?? header(headers, 'x-obs-request-id') ?? header(headers, 'x-amz-request-id')),
  };
  const said = [storeCode, message ?? snippet(refusal)].filter(Boolean).join(': ') || 'no explanation';
  const text = `the store answered ${statusCode}: ${said}`;
  if (statusCode === 304 || statusCode === 412) {
    const condition = clean(document?.condition) ?? conditionsBehind(statusCode, sentConditions);
    return new ConditionNotMetError(statusCode, condition, answer);
  }
  if (statusCode === 404 || statusCode === 410) return new NotFoundError(text, answer);
  if (statusCode === 401 || statusCode === 403) {
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
  if (/^\d{1,15}$/.test(value)) return Number(value) * 1000;
  const date = /^[A-Z][a-z]{2},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - wallClockMs());
}

const CONDITION_NAMES: Readonly<Record<string, string>> = {
  'If-Match': 'ifMatch',
  'If-None-Match': 'ifNoneMatch',
  'If-Modified-Since': 'ifModifiedSince',
  'If-Unmodified-Since': 'ifUnmodifiedSince',
};

function conditionsBehind(statusCode: 304 | 412, sent: readonly string[]): string {
  const possible = statusCode === 412 ? ['ifMatch', 'ifUnmodifiedSince'] : ['ifNoneMatch', 'ifModifiedSince'];
  const candidates = possible.filter((name) => sent.includes(name));
  return (candidates.length > 0 ? candidates : possible).join(', ');
}

function clean(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  return CONDITION_NAMES[text] ?? (sanitizeText(text) || undefined);
}

/** The beginning of a body that is no error document, when it is text: a proxy's page often says what is wrong. */
function snippet({ headers, body }: Refusal): string | undefined {
  const type = header(headers, 'content-type') ?? '';
  if (!/^(text|application)\/(plain|html|json|xml)/i.test(type)) return undefined;
  return sanitizeText(new TextDecoder().decode(body.subarray(0, 1024)).replace(/<[^>]*>/g, ' '));
}

function header(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
