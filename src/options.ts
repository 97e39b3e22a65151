/**
 * The checks and defaults of a download's options, here and nowhere else; download-options.ts describes them. An
 * unknown key is refused, so that a misspelt option never goes unnoticed. What comes out is a copy: changing the
 * caller's object later has no effect.
 */

import type { Dispatcher } from 'undici';
import type { AnnouncedChecksum } from './checksum.js';
import { checkAnnouncedChecksum } from './checksum-value.js';
import {
  type Conditions,
  DEFAULT_PART_SIZE,
  type Durability,
  type Filled,
  MAX_DEFAULT_BUFFER_BYTES,
  MAX_PART_SIZE,
  MIN_PART_SIZE,
  type RetryOptions,
  type TimeoutOptions,
} from './download-options.js';
import { type DownloadEvents, isDownloadEvents, type ListenerErrorHandler } from './events.js';
import {
  checkBoolean,
  checkDate,
  checkFunction,
  checkHeaderValue,
  checkInteger,
  checkKeys,
  checkOneOf,
  checkPath,
  checkSignal,
  checkText,
  refuse,
} from './option-checks.js';
import { MAX_TIMER_MS } from './time.js';

/** Options after the check: every default filled in. */
export interface CheckedOptions {
  /** Undefined when the caller gave none: then the planner may choose a larger one for a huge object. */
  readonly partSize: number | undefined;
  readonly concurrency: number;
  readonly range: { readonly start: number; readonly end: number | undefined };
  readonly conditions: Conditions;
  readonly onObjectChanged: 'fail' | 'restart';
  readonly bufferBytes: number;
  readonly retry: Filled<RetryOptions>;
  readonly timeouts: Filled<TimeoutOptions>;
  readonly minBytesPerSecond: number;
  readonly hedge: boolean;
  readonly maxBytesPerSecond: number | undefined;
  readonly verify: 'auto' | 'require' | 'off';
  readonly expectedChecksum: AnnouncedChecksum | undefined;
  readonly allowUnvalidated: boolean;
  readonly signal: AbortSignal | undefined;
  readonly events: DownloadEvents | undefined;
  readonly dispatcher: Dispatcher | undefined;
  readonly onListenerError: ListenerErrorHandler | undefined;
  readonly spool: string | undefined;
  readonly checkpoint: boolean | string;
  readonly durability: Durability;
  readonly overwrite: boolean;
  readonly lockWaitMs: number;
}

const COMMON_KEYS: readonly string[] = [
  ...['partSize', 'concurrency', 'range', 'conditions', 'onObjectChanged', 'bufferBytes', 'retry', 'timeouts'],
  ...['minBytesPerSecond', 'hedge', 'maxBytesPerSecond', 'verify', 'expectedChecksum', 'allowUnvalidated', 'signal'],
  ...['events', 'dispatcher', 'onListenerError'],
];

/** What the options are for: a building block, a stream or a file. */
export type OptionsKind = 'block' | 'stream' | 'file';

const KEYS: Readonly<Record<OptionsKind, readonly string[]>> = {
  block: COMMON_KEYS,
  stream: [...COMMON_KEYS, 'spool'],
  file: [...COMMON_KEYS, 'checkpoint', 'durability', 'overwrite', 'lockWaitMs'],
};

/**
 * Checks the options of a verb or a building block.
 * @throws InvalidOptionError that names the option, what was given and what is allowed.
 */
export function checkOptions(kind: OptionsKind, options: unknown): CheckedOptions {
  const given = checkKeys('options', options, KEYS[kind]);
  /** One option: its default when it is not there, else what its check makes of it. */
  const read = <T, D>(key: string, fallback: D, check: (option: string, value: unknown) => T): T | D =>
    given[key] === undefined ? fallback : check(key, given[key]);
  const integer = (min: number, max: number) => (option: string, value: unknown) =>
    checkInteger(option, value, min, max);

  const partSize = read('partSize', undefined, integer(MIN_PART_SIZE, MAX_PART_SIZE));
  const concurrency = read('concurrency', 20, integer(1, 1000));
  const onObjectChanged = read('onObjectChanged', 'fail', (o, v) => checkOneOf(o, v, ['fail', 'restart'] as const));
  if (kind !== 'file' && onObjectChanged === 'restart') {
    refuse('onObjectChanged', 'restart', "'fail': bytes that a stream has handed on cannot be taken back");
  }
  return {
    partSize,
    concurrency,
    range: read('range', { start: 0, end: undefined }, checkRange),
    conditions: read('conditions', {}, checkConditions),
    onObjectChanged,
    bufferBytes: read(
      'bufferBytes',
      Math.min(concurrency * (partSize ?? DEFAULT_PART_SIZE), MAX_DEFAULT_BUFFER_BYTES),
      integer(64 * 1024, Number.MAX_SAFE_INTEGER),
    ),
    retry: checkRetry(given.retry),
    timeouts: checkTimeouts(given.timeouts),
    minBytesPerSecond: read('minBytesPerSecond', 1024, integer(0, Number.MAX_SAFE_INTEGER)),
    hedge: read('hedge', true, checkBoolean),
    maxBytesPerSecond: read('maxBytesPerSecond', undefined, integer(1, Number.MAX_SAFE_INTEGER)),
    verify: read('verify', 'auto', (o, v) => checkOneOf(o, v, ['auto', 'require', 'off'] as const)),
    expectedChecksum: read('expectedChecksum', undefined, checkAnnouncedChecksum),
    allowUnvalidated: read('allowUnvalidated', false, checkBoolean),
    signal: read('signal', undefined, checkSignal),
    events: read('events', undefined, checkEvents),
    dispatcher: read('dispatcher', undefined, checkDispatcher),
    onListenerError: read('onListenerError', undefined, checkFunction<ListenerErrorHandler>),
    spool: read('spool', undefined, checkPath),
    checkpoint: read('checkpoint', true, (o, v) => (typeof v === 'string' ? checkPath(o, v) : checkBoolean(o, v))),
    durability: read('durability', 'checkpoint', (o, v) => checkOneOf(o, v, ['none', 'checkpoint', 'strict'] as const)),
    overwrite: read('overwrite', true, checkBoolean),
    lockWaitMs: read('lockWaitMs', 0, integer(0, MAX_TIMER_MS)),
  };
}

function checkRange(option: string, value: unknown): { start: number; end: number | undefined } {
  const given = checkKeys(option, value, ['start', 'end']);
  const start = checkInteger(`${option}.start`, given.start, 0, Number.MAX_SAFE_INTEGER - 1);
  if (given.end === undefined) return { start, end: undefined };
  return { start, end: checkInteger(`${option}.end`, given.end, start + 1, Number.MAX_SAFE_INTEGER) };
}

function checkConditions(option: string, value: unknown): Conditions {
  const given = checkKeys(option, value, ['ifMatch', 'ifNoneMatch', 'ifModifiedSince', 'ifUnmodifiedSince']);
  const text = (key: string) =>
    given[key] === undefined
      ? undefined
      : checkHeaderValue(`${option}.${key}`, checkText(`${option}.${key}`, given[key]));
  const date = (key: string) => (given[key] === undefined ? undefined : checkDate(`${option}.${key}`, given[key]));
  return {
    ifMatch: text('ifMatch'),
    ifNoneMatch: text('ifNoneMatch'),
    ifModifiedSince: date('ifModifiedSince'),
    ifUnmodifiedSince: date('ifUnmodifiedSince'),
  };
}

function checkRetry(value: unknown): Filled<RetryOptions> {
  const {
    attempts = 6,
    baseDelayMs = 200,
    maxDelayMs = 20_000,
  } = checkKeys('retry', value, ['attempts', 'baseDelayMs', 'maxDelayMs']);
  return {
    attempts: checkInteger('retry.attempts', attempts, 1, 1000),
    baseDelayMs: checkInteger('retry.baseDelayMs', baseDelayMs, 0, MAX_TIMER_MS),
    maxDelayMs: checkInteger('retry.maxDelayMs', maxDelayMs, 0, MAX_TIMER_MS),
  };
}

function checkTimeouts(value: unknown): Filled<TimeoutOptions> {
  const given = checkKeys('timeouts', value, ['connectMs', 'headersMs', 'stallMs']);
  const { connectMs = 10_000, headersMs = 15_000, stallMs = 20_000 } = given;
  return {
    connectMs: checkInteger('timeouts.connectMs', connectMs, 1, MAX_TIMER_MS),
    headersMs: checkInteger('timeouts.headersMs', headersMs, 1, MAX_TIMER_MS),
    stallMs: checkInteger('timeouts.stallMs', stallMs, 1, MAX_TIMER_MS),
  };
}

function checkEvents(option: string, value: unknown): DownloadEvents {
  if (!isDownloadEvents(value)) refuse(option, value, 'what createDownloadEvents() returns');
  return value;
}

function checkDispatcher(option: string, value: unknown): Dispatcher {
  if (typeof (value as { dispatch?: unknown } | null)?.dispatch !== 'function') {
    refuse(option, value, 'an undici Dispatcher');
  }
  return value as Dispatcher;
}
