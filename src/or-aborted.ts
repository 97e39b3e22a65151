/** Waits for work of the caller's code, which may ignore signals: an abort ends the wait. */

/**
 * Settles like `work`, or rejects with the signal's reason as soon as that aborts; what `work` does later is nobody's
 * concern then.
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    // Invariant: whatever a source or its provider does, an aborted download settles.
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    Promise.resolve(work)
      .finally(() => signal.removeEventListener('abort', onAbort))
      .then(resolve, reject);
  });
}
