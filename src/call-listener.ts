/** Calls code of the caller that only listens. Refuses to let it harm a download: what it throws goes elsewhere. */

import { warnThat } from './message-of.js';

/** Also what an async listener rejects with, later, goes to `report`. @param report - default: a process warning */
export function callListener<A extends unknown[]>(
  listener: (...args: A) => unknown,
  args: A,
  report: (error: unknown) => void = reportLater,
): void {
  try {
    const outcome: unknown = listener(...args);
    if (typeof (outcome as PromiseLike<unknown> | undefined)?.then === 'function')
      Promise.resolve(outcome).catch(report);
  } catch (error) {
    report(error);
  }
}

/** Said outside of whatever is running. */
export function reportLater(error: unknown): void {
  queueMicrotask(() => warnThat('DownloadListenerWarning', 'a download event listener', error));
}
