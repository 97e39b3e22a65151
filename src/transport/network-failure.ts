/** What the retry policy may ask about a failed connection. Reads errors only; decides nothing. */

import { errorCode } from '../error-code.js';
import { DownloadError, NetworkError } from '../errors.js';

/** Codes of Node and OpenSSL for a certificate chain or name that does not verify: permanent until somebody acts. */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CRL_HAS_EXPIRED',
  'CRL_NOT_YET_VALID',
  'CRL_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERR_TLS_CERT_ALTNAME_FORMAT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** A cause within a cause within a cause: enough for undici's proxy errors, and ends on a circle. */
const MAX_CAUSE_DEPTH = 4;

/** True when a certificate does not verify: no retry can help. */
export function isCertificateError(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSE_DEPTH && current instanceof Error; depth++) {
    if (CERTIFICATE_CODES.has(errorCode(current) ?? '')) return true;
    current = current.cause;
  }
  return false;
}

/**
 * The error that says what happened, where Node or undici wraps it: several addresses tried in turn fail as an
 * AggregateError without a message, a proxy's bad certificate as the cause of another error.
 */
export function rootFailure(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors[0];
  if (error instanceof Error && isCertificateError(error.cause)) return rootFailure(error.cause);
  return error;
}

const staleConnections = new WeakSet<Error>();

/** A failure of a connection that had served a request before and gave nothing for this one: the server closed it while it was idle. */
export function staleConnection(message: string, cause: Error): NetworkError {
  const error = new NetworkError(message, { cause });
  staleConnections.add(error);
  return error;
}

/** True when an idle connection turned out to be closed: the same request may go out at once, and costs no attempt. */
export function isStaleConnection(error: unknown): boolean {
  return error instanceof DownloadError && staleConnections.has(error);
}
