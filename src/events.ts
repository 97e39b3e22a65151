/**
 * Events of a download. Refuses to let a listener harm it: a throwing listener is reported, and the others still run.
 * No payload ever holds a URL's query, a header value that is a secret, or a key.
 */

import mittDefault, { type Emitter, type EventHandlerMap, type EventType } from 'mitt';
import type { ByteRange } from './byte-range.js';
import type { DownloadResult, Verification } from './download-result.js';
import type { ObjectInfo } from './object-info.js';
import { checkFunction, refuse } from './option-checks.js';
import type { Part } from './part.js';

/** Each event's payload. */
export interface DownloadEventMap {
  discovered: { object: ObjectInfo };
  /** `parts`: how many parts are to be fetched. `resumedBytes`: bytes already on disk. */
  planned: { parts: number; resumedBytes: number };
  partStarted: { part: Part; attempt: number };
  partRetrying: { part: Part; attempt: number; delayMs: number; error: Error };
  partHedged: { part: Part; range: ByteRange };
  partCompleted: { part: Part };
  progress: Progress;
  checkpointed: { completedBytes: number };
  objectChanged: { expected: string | undefined; actual: string | undefined };
  verified: { verification: Verification };
  completed: { result: DownloadResult };
  failed: { error: unknown };
}

/** A sample of how far the download is; at most every 100 ms and once at the end. */
export interface Progress {
  /** Body bytes received from the network by this call. */
  transferredBytes: number;
  /** Bytes that are done, resumed ones included: never decreases, ends at `totalBytes`. */
  completedBytes: number;
  /** `NaN` while the size is unknown. */
  totalBytes: number;
  bytesPerSecond: number;
  /** Seconds left at this rate; `Infinity` while nothing moves. */
  etaSeconds: number;
}

export type DownloadEventName = keyof DownloadEventMap;
export type DownloadListener<N extends DownloadEventName> = (payload: DownloadEventMap[N]) => void;
export type AnyDownloadListener = <N extends DownloadEventName>(name: N, payload: DownloadEventMap[N]) => void;

/** Listeners of one download, or of many. */
export interface DownloadEvents {
  /** Adds a listener; `'*'` gets `(name, payload)` of every event. Returns a function that removes it again. */
  on<N extends DownloadEventName>(name: N, listener: DownloadListener<N>): () => void;
  on(name: '*', listener: AnyDownloadListener): () => void;
  /** Like `on`, for the next event only. */
  once<N extends DownloadEventName>(name: N, listener: DownloadListener<N>): () => void;
  once(name: '*', listener: AnyDownloadListener): () => void;
  off<N extends DownloadEventName>(name: N, listener: DownloadListener<N>): void;
  off(name: '*', listener: AnyDownloadListener): void;
}

/** Announces one event; never throws. */
export type EmitDownloadEvent = <N extends DownloadEventName>(name: N, payload: DownloadEventMap[N]) => void;

/** Called with what a listener threw. */
export type ListenerErrorHandler = (error: unknown) => void;

const NAMES: Readonly<Record<DownloadEventName | '*', true>> = {
  discovered: true,
  planned: true,
  partStarted: true,
  partRetrying: true,
  partHedged: true,
  partCompleted: true,
  progress: true,
  checkpointed: true,
  objectChanged: true,
  verified: true,
  completed: true,
  failed: true,
  '*': true,
};

type AnyListener = (...args: unknown[]) => unknown;
// mitt's types do not resolve under NodeNext; at run time the default export is the function.
const mitt = mittDefault as unknown as <E extends Record<EventType, unknown>>(all?: EventHandlerMap<E>) => Emitter<E>;
const registries = new WeakMap<DownloadEvents, Emitter<Record<EventType, unknown>>>();

/**
 * Makes an emitter to watch a download, or one for many. Its methods throw an InvalidOptionError for an event that does
 * not exist or a listener that is no function.
 */
export function createDownloadEvents(): DownloadEvents {
  const emitter = mitt<Record<EventType, unknown>>();
  const on = (name: string, listener: AnyListener) => {
    checkListener(name, listener);
    emitter.on(name, listener);
    return () => emitter.off(name, listener);
  };
  /** By name and by the caller's listener: what `once` put in its place. */
  const onceListeners = new Map<string, WeakMap<AnyListener, AnyListener>>();
  const events = Object.freeze({
    on,
    once(name: string, listener: AnyListener) {
      checkListener(name, listener);
      const wrapped: AnyListener = (...args) => {
        emitter.off(name, wrapped);
        return listener(...args);
      };
      const ofName = onceListeners.get(name) ?? new WeakMap<AnyListener, AnyListener>();
      onceListeners.set(name, ofName.set(listener, wrapped));
      return on(name, wrapped);
    },
    off(name: string, listener: AnyListener) {
      emitter.off(name, listener);
      const wrapped = onceListeners.get(name)?.get(listener);
      if (wrapped !== undefined) emitter.off(name, wrapped);
    },
  }) as unknown as DownloadEvents;
  registries.set(events, emitter);
  return events;
}

/** A misspelt name would never be heard of. */
function checkListener(name: string, listener: unknown): void {
  if (!Object.hasOwn(NAMES, name)) refuse('event', name, Object.keys(NAMES).join(' | '));
  checkFunction('listener', listener);
}

/** Tells whether a value was made by {@link createDownloadEvents}. */
export function isDownloadEvents(value: unknown): value is DownloadEvents {
  return typeof value === 'object' && value !== null && registries.has(value as DownloadEvents);
}

/** The pipeline's end of an emitter. Every listener is called on its own, so that one that throws stops no other. */
export function emitterOf(
  events: DownloadEvents,
  onListenerError: ListenerErrorHandler = reportLater,
): EmitDownloadEvent {
  const all = registries.get(events)?.all;
  const report = (error: unknown) => {
    try {
      Promise.resolve(onListenerError(error)).catch(reportLater);
    } catch (second) {
      reportLater(second);
    }
  };
  const call = (listener: AnyListener, ...args: unknown[]) => {
    try {
      // An async listener fails later.
      const outcome: unknown = listener(...args);
      if (typeof (outcome as PromiseLike<unknown> | undefined)?.then === 'function')
        Promise.resolve(outcome).catch(report);
    } catch (error) {
      report(error);
    }
  };
  return (name, payload) => {
    if (!all?.has(name) && !all?.has('*')) return;
    const frozen = frozenCopy(payload);
    for (const listener of [...(all?.get(name) ?? [])]) call(listener as AnyListener, frozen);
    for (const listener of [...(all?.get('*') ?? [])]) call(listener as AnyListener, name, frozen);
  };
}

/** Invariant: what a listener does to a payload changes nothing about the download. */
function frozenCopy<P extends object>(payload: P): P {
  const entries = Object.entries(payload).map(([key, value]) => [
    key,
    key === 'part' || key === 'range' ? Object.freeze({ ...value }) : value,
  ]);
  return Object.freeze(Object.fromEntries(entries)) as P;
}

/** A process warning, not an exception: a bug in a progress bar must not end the host. */
function reportLater(error: unknown): void {
  queueMicrotask(() => {
    const warning = new Error(
      `a download event listener threw: ${error instanceof Error ? error.message : String(error)}`,
    );
    warning.name = 'DownloadListenerWarning';
    if (error instanceof Error && error.stack !== undefined) warning.stack = error.stack;
    process.emitWarning(warning);
  });
}
