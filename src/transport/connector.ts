/**
 * Opens the connections of one origin for undici: tcp or TLS, HTTP/1.1, reading into slabs, within a time limit.
 * Certificates are verified unless the caller said `insecure`; an environment variable cannot switch that off.
 */

import net, { type LookupFunction } from 'node:net';
import tls from 'node:tls';
import { InvalidOptionError, NetworkError, TimeoutError } from '../errors.js';
import { redactCause } from '../redact.js';
import { afterIfAlive } from '../time.js';
import type { TlsOptions } from '../tls-options.js';
import { rootFailure } from './network-failure.js';
import { SlabSocket } from './slab-socket.js';

const TCP_KEEP_ALIVE_DELAY_MS = 60_000;
/**
 * Least room for one read. A TLS record holds 16 KiB. For tcp 32 KiB: less room would mean more reads, more room more
 * slabs that are given up half empty while somebody holds what is in them.
 */
const MIN_ROOM_BYTES = { tls: 16 * 1024, tcp: 32 * 1024 };

export interface ConnectorOptions {
  readonly tls?: TlsOptions | undefined;
  /** Limit for name lookup, tcp and TLS handshake together. */
  readonly connectMs: number;
  /** Resolves names instead of `dns.lookup`. */
  readonly lookup?: LookupFunction | undefined;
}

/** Where to connect, as undici gives it. */
export interface ConnectTarget {
  readonly hostname: string;
  readonly protocol: string;
  readonly port: string;
}

/**
 * Starts connecting; `settle` is called once, with an error or with the connected socket. The socket is returned at once
 * so that it can be destroyed while it is connecting.
 */
export type Connector = (
  target: ConnectTarget,
  settle: (error: Error | null, socket: SlabSocket) => void,
) => SlabSocket;

export function createConnector({ tls: tlsOptions, connectMs, lookup }: ConnectorOptions): Connector {
  let context = tlsOptions?.ca === undefined ? undefined : createContext(tlsOptions);
  let session: Buffer | undefined;

  function openTls(host: string, port: number, onread: net.OnReadOpts): tls.TLSSocket {
    // One context for all connections: building it parses every certificate authority.
    context ??= createContext(tlsOptions);
    const socket = tls.connect({
      host,
      port,
      onread,
      lookup,
      secureContext: context,
      // No name for an IP literal (RFC 6066 section 3); Node then checks the certificate against the address.
      servername: net.isIP(host) === 0 ? host : '',
      session,
      ALPNProtocols: ['http/1.1'],
      // Invariant: certificates are verified unless the caller said insecure, whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: tlsOptions?.insecure !== true,
      autoSelectFamily: true,
    } as tls.ConnectionOptions);
    // Emitted only after the certificate was accepted. A connector serves one origin, so one session is enough.
    socket.on('session', (fresh) => {
      session = fresh;
    });
    return socket;
  }

  return ({ hostname, protocol, port }, settle) => {
    const secure = protocol === 'https:';
    const portNumber = Number(port || (secure ? 443 : 80));
    const place = `${hostname}:${portNumber}`;
    let inner: net.Socket | undefined;
    const open = (onread: net.OnReadOpts) => {
      inner = secure
        ? openTls(hostname, portNumber, onread)
        : net.connect({ host: hostname, port: portNumber, onread, lookup, autoSelectFamily: true });
      return inner.on('connect', function tune(this: net.Socket) {
        this.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_DELAY_MS);
      });
    };
    const socket = new SlabSocket(open, secure ? MIN_ROOM_BYTES.tls : MIN_ROOM_BYTES.tcp, secure);

    const onClose = () => finish(new NetworkError(`the connection to ${place} was given up`));
    const onError = (error: Error) => finish(connectFailure(place, error));
    const timer = afterIfAlive(connectMs, () => {
      finish(new TimeoutError('connect', `no connection to ${place} within ${connectMs} ms`));
    });
    const finish = (error: Error | null) => {
      timer.stop();
      inner?.off(secure ? 'secureConnect' : 'connect', onConnected);
      socket.off('close', onClose).off('error', onError);
      if (error !== null) socket.on('error', ignore).destroy();
      settle(error, socket);
    };
    const onConnected = () => finish(null);
    socket.once('error', onError).once('close', onClose);
    inner?.once(secure ? 'secureConnect' : 'connect', onConnected);
    return socket;
  };
}

/** Checks the caller's certificate authorities; throws an InvalidOptionError when they cannot be used. */
function createContext(options: TlsOptions | undefined): tls.SecureContext {
  try {
    return tls.createSecureContext(options?.ca === undefined ? {} : { ca: options.ca });
  } catch (error) {
    throw new InvalidOptionError(
      'tls.ca',
      `not usable as PEM certificates (${(error as { code?: string }).code ?? 'error'})`,
    );
  }
}

function connectFailure(place: string, error: Error): NetworkError {
  const cause = redactCause(rootFailure(error));
  return new NetworkError(`cannot connect to ${place}: ${cause.message}`, { cause });
}

function ignore(): void {}
