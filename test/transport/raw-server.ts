/** A server for transport tests: it hands each request head to a script that writes the answer, bytes and faults, by hand. */

import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';

export interface RawRequest {
  readonly head: string;
  /** Counts the requests of this server, from 0. */
  readonly index: number;
  /** Counts the requests of this connection, from 0. */
  readonly connectionIndex: number;
}

export interface RawServer {
  readonly origin: string;
  readonly port: number;
  readonly connectionCount: number;
  readonly requestCount: number;
  /** Connections open now. */
  readonly open: ReadonlySet<Socket>;
  close(): Promise<void>;
}

export async function rawServer(
  answer: (socket: Socket, request: RawRequest) => void,
  options: { tls?: tls.TlsOptions; hostname?: string } = {},
): Promise<RawServer> {
  const open = new Set<Socket>();
  const counts = { connections: 0, requests: 0 };
  const onConnection = (socket: Socket) => {
    counts.connections++;
    open.add(socket);
    let pending = '';
    let connectionIndex = 0;
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.on('data', (bytes) => {
      pending += bytes.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end + 4);
        pending = pending.slice(end + 4);
        answer(socket, { head, index: counts.requests++, connectionIndex: connectionIndex++ });
      }
    });
  };
  const server =
    options.tls === undefined ? net.createServer(onConnection) : tls.createServer(options.tls, onConnection);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http${options.tls === undefined ? '' : 's'}://${options.hostname ?? '127.0.0.1'}:${port}`,
    port,
    get connectionCount() {
      return counts.connections;
    },
    get requestCount() {
      return counts.requests;
    },
    open,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Byte k is (seed + k) mod 251: any slice proves its own offset. */
export function ramp(byteCount: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(byteCount);
  for (let k = 0; k < byteCount; k++) bytes[k] = (seed + k) % 251;
  return bytes;
}

/** Head and body of a 200 with a length. */
export function ok(body: Buffer, extraHeaders = ''): Buffer {
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${extraHeaders}\r\n`), body]);
}
