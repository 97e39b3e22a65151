/** Calls the functions that a caller gave. Refuses to let one that throws, or rejects, reach the download or the process. */

import { callListener } from '../call-listener.js';
import { warnThat } from '../message-of.js';
import type { ObsClientError } from './obs-client-error.js';

/** Calls `callback`, whatever it is, plain or `async`; what it throws becomes a process warning. */
export function callUser(name: string, callback: () => unknown): void {
  callListener(callback, [], (error) => warnThat('ObsClientCallbackWarning', name, error));
}

/** The SDK's two ways to wait: `callback(err, result)`, or a promise. `result` is there where `error` is null. */
export type ObsCallback<R> = (error: ObsClientError | null, result: R) => unknown;

/** Hands the outcome of `work` to `callback`, exactly once, or returns the promise. */
export function deliver<R>(work: Promise<R>, callback: ObsCallback<R> | undefined): Promise<R> | undefined {
  if (callback === undefined) return work;
  work.then(
    (result) => callUser('the callback', () => callback(null, result)),
    (error: ObsClientError) => callUser('the callback', () => (callback as (error: ObsClientError) => unknown)(error)),
  );
  return undefined;
}
