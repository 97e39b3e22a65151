/** An abort of one's own that also follows another signal. Refuses to leave a listener behind once it is unlinked. */

export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Follows the other signal no more. */
  unlink(): void;
}

export function linkAbort(other: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  const onAbort = () => controller.abort(other.reason);
  if (other.aborted) onAbort();
  else other.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    unlink: () => other.removeEventListener('abort', onAbort),
  };
}
