import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NetworkError } from '../../src/errors.js';
import type { TlsOptions } from '../../src/tls-options.js';
import { isCertificateError } from '../../src/transport/network-failure.js';
import { acquirePool } from '../../src/transport/pool.js';
import { type Certificate, selfSigned } from './certificates.js';
import { ok, type RawServer, ramp, rawServer } from './raw-server.js';
import { failureOf, runExchange } from './run-exchange.js';

const body = ramp(200_000);
let good: Certificate;
let expired: Certificate;
let wrongHost: Certificate;
let server: RawServer | undefined;

beforeAll(() => {
  good = selfSigned('DNS:localhost,IP:127.0.0.1');
  expired = selfSigned('DNS:localhost,IP:127.0.0.1', 0);
  wrongHost = selfSigned('DNS:elsewhere.example');
});

afterEach(async () => {
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  await server?.close();
});

async function fetchOver(certificate: Certificate, tls: TlsOptions | undefined, hostname = '127.0.0.1') {
  server = await rawServer((socket) => socket.write(ok(body)), { tls: certificate, hostname });
  const pool = acquirePool(server.origin, { connectMs: 2_000, tls });
  try {
    return await runExchange(pool.dispatcher, server.origin);
  } finally {
    pool.release();
  }
}

describe('T127 certificates are verified unless the caller said insecure, whatever NODE_TLS_REJECT_UNAUTHORIZED says: one', () => {
  for (const environment of [undefined, '0']) {
    const setting = environment === undefined ? '' : ', also with NODE_TLS_REJECT_UNAUTHORIZED=0';
    for (const [title, code, pick, trust] of [
      ['that nobody signed', 'DEPTH_ZERO_SELF_SIGNED_CERT', () => good, () => undefined],
      ['that has run out', 'CERT_HAS_EXPIRED', () => expired, () => ({ ca: expired.cert })],
      ['of another host', 'ERR_TLS_CERT_ALTNAME_INVALID', () => wrongHost, () => ({ ca: wrongHost.cert })],
    ] as const) {
      it(`${title} is refused for good${setting}`, async () => {
        if (environment !== undefined) process.env.NODE_TLS_REJECT_UNAUTHORIZED = environment;
        const error = await failureOf(fetchOver(pick(), trust()));
        expect(error).toBeInstanceOf(NetworkError);
        expect(isCertificateError(error)).toBe(true);
        expect((error.cause as { code?: string }).code).toBe(code);
        expect(server?.requestCount).toBe(0);
      });
    }
  }

  it('of a trusted authority is accepted, for a name and for an address', async () => {
    for (const hostname of ['localhost', '127.0.0.1']) {
      const { chunks } = await fetchOver(good, { ca: good.cert }, hostname);
      expect(Buffer.concat(chunks).equals(body)).toBe(true);
      await server?.close();
      server = undefined;
    }
  });

  it('of any kind is accepted when the caller says insecure', async () => {
    expect((await fetchOver(wrongHost, { insecure: true })).byteCount).toBe(body.length);
  });

  it('a failure that has nothing to do with certificates is not called one', () => {
    expect(
      isCertificateError(new NetworkError('cut', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) })),
    ).toBe(false);
    expect(isCertificateError('CERT_HAS_EXPIRED')).toBe(false);
  });
});

describe('a TLS session', () => {
  it('is used again by the next connection', async () => {
    const reused: boolean[] = [];
    server = await rawServer(
      (socket) => {
        reused.push((socket as import('node:tls').TLSSocket).isSessionReused());
        socket.end(ok(ramp(10), 'Connection: close\r\n'));
      },
      { tls: good },
    );
    const pool = acquirePool(server.origin, { connectMs: 2_000, tls: { ca: good.cert } });
    for (let round = 0; round < 3; round++) await runExchange(pool.dispatcher, server.origin);
    pool.release();
    expect(reused[0]).toBe(false);
    expect(reused).toContain(true);
  });
});
