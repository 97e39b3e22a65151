import { describe, expect, it } from 'vitest';
import { NetworkError } from '../../src/errors.js';
import {
  isCertificateError,
  isStaleConnection,
  rootFailure,
  staleConnection,
} from '../../src/transport/network-failure.js';

const coded = (code: string, cause?: unknown) => Object.assign(new Error(code, { cause }), { code });

describe('a certificate error', () => {
  it('is found as the cause, and as the cause of a cause', () => {
    expect(isCertificateError(new NetworkError('x', { cause: coded('CERT_HAS_EXPIRED') }))).toBe(true);
    expect(isCertificateError(coded('UND_ERR_PRX_TLS', coded('ERR_TLS_CERT_ALTNAME_INVALID')))).toBe(true);
  });

  it('is nothing else, and a circle of causes ends', () => {
    const circle = coded('ECONNRESET');
    circle.cause = circle;
    expect(isCertificateError(circle)).toBe(false);
    expect(isCertificateError(undefined)).toBe(false);
  });
});

describe('the root failure', () => {
  it('is the first of several addresses, and the certificate behind a proxy error', () => {
    const refused = coded('ECONNREFUSED');
    expect(rootFailure(new AggregateError([refused, coded('ETIMEDOUT')]))).toBe(refused);
    const certificate = coded('CERT_HAS_EXPIRED');
    expect(rootFailure(coded('UND_ERR_PRX_TLS', certificate))).toBe(certificate);
    expect(rootFailure(refused)).toBe(refused);
  });
});

describe('a stale connection', () => {
  it('is known by its mark, not by its cause', () => {
    const cause = coded('UND_ERR_SOCKET');
    expect(isStaleConnection(staleConnection('x', cause))).toBe(true);
    expect(isStaleConnection(new NetworkError('x', { cause }))).toBe(false);
  });
});
