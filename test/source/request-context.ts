/** What the pipeline would ask a source with. */

import type { RequestContext } from '../../src/source/source.js';

export function requestContext(over: Partial<RequestContext> = {}): RequestContext {
  return {
    method: 'GET',
    headers: { range: 'bytes=0-99' },
    attempt: 1,
    reason: 'first',
    clockOffsetMs: 0,
    signal: new AbortController().signal,
    ...over,
  };
}
