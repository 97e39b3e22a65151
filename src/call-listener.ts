/** Calls code of the caller that only listens. Refuses to let it harm a download: what it throws goes elsewhere. */

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

/** A process warning, not an exception: a bug in a progress bar must not end the host. */
export function reportLater(error: unknown): void {
  queueMicrotask(() => warnOf('DownloadListenerWarning', 'a download event listener', error));
}

/** A process warning of this name: `who` threw `error`. */
export function warnOf(name: string, who: string, error: unknown): void {
  const warning = new Error(`${who} threw: ${error instanceof Error ? error.message : String(error)}`);
  warning.name = name;
  if (error instanceof Error && error.stack !== undefined) warning.stack = error.stack;
  process.emitWarning(warning);
}
