/** The error that ends an aborted stream: a falsy reason would end it as if nothing had happened. */

/** The reason of an aborted signal, or the error that Node's streams use where that is `null`, `0` or the like. */
export function streamError(reason: unknown): Error {
  return (reason || prematureClose()) as Error;
}

export function prematureClose(): Error {
  return Object.assign(new Error('the stream was destroyed before its end'), { name: 'AbortError', code: 'ABORT_ERR' });
}
