/** One `getObjectMetadata` of the SDK: HEAD, with retries. A refusal of the store is a result, as in the SDK. */

import { PartFailedError, RedirectError } from '../errors.js';
import { runAttempts } from '../fetch/attempt-loop.js';
import { openFetchContext } from '../fetch/fetch-context.js';
import { type StoreResponse, sendStoreRequest } from '../fetch/store-request.js';
import { checkOptions } from '../options.js';
import type { ObjectSource } from '../source/source.js';
import type { ResponseHead } from '../transport/exchange.js';
import { requestFailure } from './client-error-of.js';
import type { ClientSettings } from './client-options.js';

/** The head of the store's last answer. @throws ObsClientError when there was none */
export async function headObject(
  source: ObjectSource,
  headers: Readonly<Record<string, string>>,
  transfer: ClientSettings['transfer'],
): Promise<ResponseHead> {
  const context = openFetchContext(source, checkOptions('block', transfer));
  let accepted: ResponseHead | undefined;
  let refused: ResponseHead | undefined;
  try {
    await runAttempts(context, {
      // A HEAD has no bytes; this only names it.
      part: () => ({ index: 0, start: 0, end: 1 }),
      position: () => 0,
      isDone: () => accepted !== undefined,
      signal: context.signal,
      async attempt(info) {
        refused = undefined;
        await sendStoreRequest(
          context,
          { method: 'HEAD', headers, ...info },
          {
            onHead: (head) => {
              accepted = concealed(head);
            },
            onBytes: () => 'done',
            onRefusal: (head) => {
              refused = concealed(head);
            },
          },
        );
      },
    });
  } catch (error) {
    const root = error instanceof PartFailedError ? error.cause : error;
    if (refused === undefined || root instanceof RedirectError) throw requestFailure(error);
  } finally {
    context.close();
  }
  return (accepted ?? refused) as ResponseHead;
}

/** Invariant: a secret of the request that a server echoes is in no result. */
function concealed({ statusCode, headers, conceal }: StoreResponse): ResponseHead {
  const shown = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map(conceal) : value && conceal(value),
  ]);
  return { statusCode, headers: Object.fromEntries(shown) };
}
