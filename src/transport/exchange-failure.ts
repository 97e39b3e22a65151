/**
 * Turns whatever undici, Node or a caller's dispatcher failed with into one of our errors. Nothing of the request (query,
 * header values) and no raw bytes of the server survive in it.
 */

import { errorCode } from '../error-code.js';
import { DownloadError, InvalidOptionError, NetworkError, ProtocolError, TimeoutError } from '../errors.js';
import { messageOf } from '../message-of.js';
import { redactCause } from '../redact.js';
import { rootFailure, staleConnection } from './network-failure.js';
import { proxyHost } from './proxy-host.js';

/** How far an exchange had come when it failed, and over what. */
export interface FailureContext {
  readonly dispatcher: object;
  readonly origin: string;
  /** The dispatcher is the caller's, not a pool of ours. */
  readonly isForeign: boolean;
  readonly headArrived: boolean;
  /** The connection had carried a request before. */
  readonly connectionWasUsed: boolean;
  /** Texts that must not show; see {@link requestSecrets}. */
  readonly secrets: readonly string[];
}

const CONNECTION_CUT: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

export function exchangeFailure(error: unknown, context: FailureContext): Error {
  if (error instanceof DownloadError) return error;
  const { name, message, code } = describe(error);
  return (
    timeout(code) ??
    dispatcherFault(message, code, context) ??
    brokenHttp(name, message, code, context) ??
    networkFailure(error, message, code, context)
  );
}

function describe(error: unknown): { name: string; message: string; code: string } {
  const message = messageOf(error);
  if (!(error instanceof Error)) return { name: '', message, code: '' };
  return { name: error.name, message, code: errorCode(error) ?? '' };
}

/** Limits of the caller's own dispatcher; a pool of ours has none. */
function timeout(code: string): TimeoutError | undefined {
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return new TimeoutError('connect', 'the dispatcher did not connect in time');
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return new TimeoutError('headers', 'the dispatcher saw no response in time');
  if (code === 'UND_ERR_BODY_TIMEOUT') return new TimeoutError('stall', 'the dispatcher saw no byte in time');
  return undefined;
}

function dispatcherFault(message: string, code: string, { isForeign }: FailureContext): DownloadError | undefined {
  if (code === 'UND_ERR_INVALID_ARG' && !/^Proxy Auth/.test(message)) {
    // A handler refused by its method names: the dispatcher is from an undici that has another handler interface.
    if (/\bon[A-Z]\w* method/.test(message)) {
      return new InvalidOptionError(
        'dispatcher',
        'comes from a version of undici with another handler interface; 7 works',
      );
    }
    const refused = /^invalid [\w-]+ header$|^invalid request path$/.test(message) ? `: ${message}` : '';
    return new ProtocolError(`the request cannot be sent${refused}`);
  }
  if (!isForeign) return undefined;
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return new InvalidOptionError('dispatcher', 'has been closed');
  }
  if (code === 'UND_MOCK_ERR_MOCK_NOT_MATCHED') {
    return new InvalidOptionError('dispatcher', 'is a MockAgent that has no reply for this request');
  }
  if (code === 'UND_ERR_RESPONSE') {
    return new InvalidOptionError('dispatcher', 'throws on HTTP errors, which the download has to see itself');
  }
  // Codes of Node's zlib: an interceptor decodes what has to come as it is stored.
  if (/^(?:Z_|ERR__ERROR_|ZSTD_)/.test(code)) return new ProtocolError('the dispatcher failed to decode the body');
  return undefined;
}

/** The server broke HTTP. A message that was cut short is not that: it is a network failure. */
function brokenHttp(name: string, message: string, code: string, context: FailureContext): ProtocolError | undefined {
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new ProtocolError('the response head is too large');
  if (name === 'HTTPParserError' && !message.includes('EOF')) {
    return new ProtocolError(`the response is not HTTP/1.1: ${redactCause(new Error(message)).message}`);
  }
  // undici's name for any parser error on a message with a length; before the head there is no body to be cut.
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' && !context.headArrived) {
    return new ProtocolError('the response head has no usable length');
  }
  // An interim answer that nobody asked for: 100 Continue, 101 Switching Protocols.
  if (code === 'UND_ERR_SOCKET' && /^bad (response|upgrade)$/.test(message)) {
    return new ProtocolError(`the server sent an unsolicited response (${message})`);
  }
  return undefined;
}

function networkFailure(error: unknown, message: string, code: string, context: FailureContext): NetworkError {
  // A foreign error may quote the request.
  const cause = redactCause(rootFailure(error), context.secrets);
  const status = /^Proxy response \((\d{3})\)/.exec(message)?.[1] ?? /^Proxy Auth.*\((407)\)/.exec(message)?.[1];
  if (status !== undefined) {
    return new NetworkError(`the proxy ${proxyHost(context.dispatcher)} refused the tunnel (HTTP ${status})`, {
      cause,
    });
  }
  if (context.connectionWasUsed && !context.headArrived && CONNECTION_CUT.has(code)) {
    return staleConnection(`the idle connection to ${context.origin} was closed by the server`, cause);
  }
  const where = context.isForeign ? `${context.origin} (custom dispatcher)` : context.origin;
  return new NetworkError(`the connection to ${where} failed: ${cause.message || cause.name}`, { cause });
}
