/** What ends a stream that was aborted: a stream cannot be destroyed with a reason that says nothing. */

/** The reason of an aborted signal, or the error that Node's streams use where that is `null`, `0` or the like. */
export function streamError(reason: unknown): Error {
  // A reason that is no error would end the stream as if nothing had happened.
  return (reason || prematureClose()) as Error;
}

export function prematureClose(): Error {
  return Object.assign(new Error('the stream was destroyed before its end'), { name: 'AbortError', code: 'ABORT_ERR' });
}
