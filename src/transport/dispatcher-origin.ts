/** Refuses a dispatcher of one origin for a redirect to another one: it would send the request to its own all the same. */

import type { Dispatcher } from 'undici';
import { InvalidOptionError } from '../errors.js';

/** A Client and a Pool of undici keep their origin under a symbol of this description and give no other way to ask. */
const ORIGIN_SYMBOL = 'url';

/** @throws InvalidOptionError when the caller's dispatcher is known to serve another origin only */
export function checkServes(dispatcher: Dispatcher | undefined, origin: string): void {
  // Invariant: a redirect to another origin is never answered by the first one.
  for (const symbol of Object.getOwnPropertySymbols(dispatcher ?? {})) {
    const served = symbol.description === ORIGIN_SYMBOL && (dispatcher as unknown as Record<symbol, unknown>)[symbol];
    if (served instanceof URL && served.origin !== new URL(origin).origin) {
      throw new InvalidOptionError('dispatcher', `serves ${served.origin} only, and a redirect leads to ${origin}`);
    }
  }
}
