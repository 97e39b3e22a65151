/**
 * Events of a download. Refuses to let a listener harm it: a throwing listener is reported, and the others still run.
 * No payload ever holds a URL's query, a header value that is a secret, or a key.
 */

import mittDefault, { type Emitter, type EventHandlerMap, type EventType } from 'mitt';
import type { ByteRange } from './byte-range.js';
import { callListener, reportLater } from './call-listener.js';
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
  /** Comes only when something was checked: `scope` is 'object'. */
  verified: { verification: Verification };
  completed: { result: DownloadResult };
  /** A DownloadError, or what the signal was aborted with, which may be anything. */
  failed: { error: unknown };
}

/** A sample of how far the download is; at most every 100 ms and once at the end. */
export interface Progress {
  /** Body bytes received from the network by this call. */
  transferredBytes: number;
  /** Bytes that are done, resumed ones included: never decreases, ends at `totalBytes`. */
  completedBytes: number;
  /** `NaN` while the size is unknown: when the server sends no length. The last sample has the bytes that came. */
  totalBytes: number;
  /** From the network, over the last three seconds. */
  bytesPerSecond: number;
  /** Seconds left at this rate; `Infinity` while nothing moves, `NaN` while the size is unknown. */
  etaSeconds: number;
}

export type DownloadEventName = keyof DownloadEventMap;
export type DownloadListener<N extends DownloadEventName> = (payload: DownloadEventMap[N]) => void;
export type AnyDownloadListener = <N extends DownloadEventName>(name: N, payload: DownloadEventMap[N]) => void;

/** Listeners of one download, or of many. */
export interface DownloadEvents {
  /**
   * Adds a listener, as often as it is called; `'*'` gets `(name, payload)` of every event. Returns a function that
   * removes just this registration; called again it does nothing.
   */
  on<N extends DownloadEventName>(name: N, listener: DownloadListener<N>): () => void;
  on(name: '*', listener: AnyDownloadListener): () => void;
  /** Like `on`, for the next event only. */
  once<N extends DownloadEventName>(name: N, listener: DownloadListener<N>): () => void;
  once(name: '*', listener: AnyDownloadListener): () => void;
  /** Removes one registration of a listener, by `on` or `once`, the oldest first. Without one it does nothing. */
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
  /** By name and listener: what removes each of its registrations, the oldest first. No entry without a registration. */
  const registered = new Map<string, Map<AnyListener, (() => void)[]>>();
  const register = (name: string, listener: AnyListener, isOnce: boolean) => {
    checkListener(name, listener);
    const ofName = registered.get(name) ?? new Map<AnyListener, (() => void)[]>();
    const ofListener = ofName.get(listener) ?? [];
    let isThere = true;
    const remove = () => {
      if (!isThere) return;
      isThere = false;
      emitter.off(name, own);
      ofListener.splice(ofListener.indexOf(remove), 1);
      if (ofListener.length === 0) ofName.delete(listener);
    };
    /** mitt tells registrations apart by their functions: so each has its own. */
    const own: AnyListener = (...args) => {
      // An event that is under way still has those that were removed since it began.
      if (!isThere) return undefined;
      if (isOnce) remove();
      return listener(...args);
    };
    registered.set(name, ofName.set(listener, ofListener));
    ofListener.push(remove);
    emitter.on(name, own);
    return remove;
  };
  const events = Object.freeze({
    on: (name: string, listener: AnyListener) => register(name, listener, false),
    once: (name: string, listener: AnyListener) => register(name, listener, true),
    off(name: string, listener: AnyListener) {
      checkListener(name, listener);
      registered.get(name)?.get(listener)?.[0]?.();
    },
  }) as unknown as DownloadEvents;
  registries.set(events, emitter);
  return events;
}

/** A misspelt name would never be heard of, and without a listener mitt would remove those of everybody. */
function checkListener(name: unknown, listener: unknown): void {
  if (typeof name !== 'string' || !Object.hasOwn(NAMES, name)) refuse('event', name, Object.keys(NAMES).join(' | '));
  checkFunction('listener', listener);
}

/** Tells whether a value was made by {@link createDownloadEvents}. */
export function isDownloadEvents(value: unknown): value is DownloadEvents {
  return typeof value === 'object' && value !== null && registries.has(value as DownloadEvents);
}

/**
 * One download's end of an emitter. Every listener is called on its own, so that one that throws stops no other. After
 * `completed` or `failed` nothing is told any more.
 */
export function emitterOf(
  events: DownloadEvents,
  onListenerError: ListenerErrorHandler = reportLater,
): EmitDownloadEvent {
  const all = registries.get(events)?.all;
  const report = (error: unknown) => callListener(onListenerError, [error]);
  const tell = (name: DownloadEventName, frozen: object) => {
    for (const listener of [...(all?.get(name) ?? [])]) callListener(listener as AnyListener, [frozen], report);
    for (const listener of [...(all?.get('*') ?? [])]) callListener(listener as AnyListener, [name, frozen], report);
  };
  let isOver = false;
  /** The first is being told. What a listener causes follows it: all are told everything in one order. */
  const telling: [name: DownloadEventName, frozen: object][] = [];
  return (name, payload) => {
    // What is still on its way when a stream is destroyed would reach listeners that have put everything away.
    if (isOver) return;
    isOver = name === 'completed' || name === 'failed';
    if (!all?.has(name) && !all?.has('*')) return;
    if (telling.push([name, frozenCopy(payload)]) > 1) return;
    for (const event of telling) tell(...event);
    telling.length = 0;
  };
}

/** Invariant: what a listener does to a payload changes nothing about the download. */
function frozenCopy<P extends object>(payload: P): P {
  const entries = Object.entries(payload).map(([key, value]) => {
    if (key === 'part' || key === 'range') return [key, Object.freeze({ ...value })];
    if (key === 'object') return [key, withOwnDate(value)];
    if (key === 'result') return [key, Object.freeze({ ...value, object: withOwnDate(value.object) })];
    return [key, value];
  });
  return Object.freeze(Object.fromEntries(entries)) as P;
}

/** Everything else of it is frozen; a Date cannot be. */
function withOwnDate(object: ObjectInfo): ObjectInfo {
  const { lastModified } = object;
  return lastModified === undefined ? object : Object.freeze({ ...object, lastModified: new Date(lastModified) });
}
