import { beforeAll, describe, expect, it } from 'vitest';
import { acquirePool } from '../../src/transport/pool.js';
import { type Certificate, selfSigned } from './certificates.js';
import { ok, ramp, rawServer } from './raw-server.js';
import { runExchange } from './run-exchange.js';

const MiB = 1024 * 1024;
const CONNECTIONS = 20;
const object = ramp(16 * MiB);
let certificate: Certificate;

beforeAll(() => {
  certificate = selfSigned('DNS:localhost,IP:127.0.0.1');
});

describe('20 connections at once', () => {
  for (const scheme of ['http', 'https'] as const) {
    it(`over ${scheme} every chunk that is still held has the bytes of its place after all have ended`, async () => {
      // Request k gets its own slice of the object, written in pieces of many sizes.
      const server = await rawServer(
        (socket, { head }) => {
          const k = Number(/^GET \/(\d+)/.exec(head)?.[1]);
          const bytes = ok(object.subarray(k * 1000, k * 1000 + 4 * MiB));
          for (let at = 0, piece = 0; at < bytes.length; piece++) {
            const end = at + 1 + (((k + piece) * 7919) % 60_000);
            socket.write(bytes.subarray(at, end));
            at = end;
          }
        },
        scheme === 'http' ? {} : { tls: certificate },
      );
      const pool = acquirePool(server.origin, { connectMs: 5_000, tls: { ca: certificate.cert } });
      const slabs = new Set<ArrayBufferLike>();
      const held: { start: number; chunks: Buffer[] }[] = [];
      for (let round = 0; round < 2; round++) {
        await Promise.all(
          Array.from({ length: CONNECTIONS }, async (_, connection) => {
            const k = round * CONNECTIONS + connection;
            const { chunks } = await runExchange(pool.dispatcher, server.origin, { request: { path: `/${k}` } });
            held.push({ start: k * 1000, chunks });
          }),
        );
      }
      for (const { start, chunks } of held) {
        for (const { buffer } of chunks) slabs.add(buffer);
        expect(Buffer.concat(chunks).equals(object.subarray(start, start + 4 * MiB))).toBe(true);
      }
      // 160 MiB in slabs of 256 KiB, of which up to an eighth stays empty.
      expect(slabs.size).toBeLessThan(((2 * CONNECTIONS * 4 * MiB) / (256 * 1024)) * 1.15 + 2 * CONNECTIONS);
      expect(server.connectionCount).toBe(CONNECTIONS);
      pool.release();
      await server.close();
    });
  }
});
