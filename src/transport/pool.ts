/**
 * The pools of this process: one per origin and TLS settings, shared by all downloads so that handshakes are saved, and
 * gone shortly after the last one has let go. It does not limit connections: its callers limit their requests.
 */

import { createHash } from 'node:crypto';
import { type Client, type Dispatcher, Pool } from 'undici';
import { afterIfAlive, type Timer } from '../time.js';
import type { TlsOptions } from '../tls-options.js';
import { createConnector } from './connector.js';
import { Line } from './line.js';

/** How long idle connections outlive the last download. */
const LINGER_MS = 4_000;
/** Bytes of a response's header section; more is refused. */
const MAX_HEADER_BYTES = 16 * 1024;

export interface PoolOptions {
  readonly tls?: TlsOptions | undefined;
  /** Limit in milliseconds for name lookup, tcp and TLS handshake together. */
  readonly connectMs: number;
}

/** The right to use a pool until `release()`. */
export interface OriginPool {
  readonly dispatcher: Dispatcher;
  /** May be called any number of times; the first one counts. */
  release(): void;
}

interface SharedPool {
  readonly pool: Pool;
  holders: number;
  linger: Timer | undefined;
}

const pools = new Map<string, SharedPool>();

/**
 * @param origin - scheme, host and port, such as `https://example.com:8443`.
 * @throws InvalidOptionError when the certificate authorities cannot be used.
 */
export function acquirePool(origin: string, options: PoolOptions): OriginPool {
  const key = poolKey(origin, options);
  let shared = pools.get(key);
  if (shared === undefined) {
    shared = { pool: createPool(origin, options), holders: 0, linger: undefined };
    pools.set(key, shared);
  }
  const held = shared;
  held.holders++;
  held.linger?.stop();
  let isHeld = true;
  return {
    dispatcher: held.pool,
    release() {
      if (!isHeld) return;
      isHeld = false;
      held.holders--;
      if (held.holders > 0) return;
      held.linger = afterIfAlive(LINGER_MS, () => {
        pools.delete(key);
        // destroy() calls back and never fails; close() would wait for responses that nobody reads.
        held.pool.destroy(ignore);
      });
    },
  };
}

function createPool(origin: string, options: PoolOptions): Pool {
  const connector = createConnector(options);
  return new Pool(origin, {
    factory: (url, clientOptions) => new Line(url, clientOptions as Client.Options, connector),
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Off: undici's are refreshed by every 1xx answer and by every byte, ours are not.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

function poolKey(origin: string, { tls, connectMs }: PoolOptions): string {
  const authorities = tls?.ca === undefined ? '' : createHash('sha256').update(tls.ca).digest('hex');
  return [origin, connectMs, tls?.insecure === true, authorities].join(' ');
}

function ignore(): void {}
