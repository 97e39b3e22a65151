/**
 * A range server in a process of its own that gives every CONNECTION its own bandwidth, and every request its latency,
 * as the benchmark says before each run. Also the misbehaviour of the memory table. Ends when its parent does.
 */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { viewBytes } from './object-bytes.mjs';

const ETAG = '"bench-object"';
/** How late a link may be and still make up for it: a timer's lateness is not a slower link. */
const CATCH_UP_MS = 100;

/** What `reset` said last. See LinkScript in link-server.ts. */
let script = { bytesPerSecond: [], latencyMs: 0, size: 0 };
let stats = newStats();
const sockets = new Set();

function newStats() {
  return { bytesSent: 0, requests: 0, connections: 0 };
}

class Link {
  constructor(bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
    this.freeAtMs = performance.now();
  }

  /** About 20 ms worth. */
  get sliceBytes() {
    return Math.max(1, Math.min(512 * 1024, Math.floor(this.bytesPerSecond / 50)));
  }

  /** Books bytes; for how many milliseconds the link is busy from now on. */
  take(byteCount) {
    const nowMs = performance.now();
    this.freeAtMs = Math.max(nowMs - CATCH_UP_MS, this.freeAtMs) + (byteCount / this.bytesPerSecond) * 1000;
    return this.freeAtMs - nowMs;
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  const index = stats.connections;
  stats.connections += 1;
  sockets.add(socket);
  socket.on('error', () => {});
  socket.once('close', () => sockets.delete(socket));
  const { bytesPerSecond } = script;
  const link = new Link(bytesPerSecond[index % bytesPerSecond.length] ?? Number.POSITIVE_INFINITY);
  converse(socket, link, index).catch(() => socket.destroy());
});

async function converse(socket, link, index) {
  let input = '';
  for await (const bytes of socket) {
    input += bytes.toString('latin1');
    for (let end = input.indexOf('\r\n\r\n'); end >= 0; end = input.indexOf('\r\n\r\n')) {
      const head = input.slice(0, end);
      input = input.slice(end + 4);
      await answer(socket, link, index, head);
      if (/^connection:\s*close/im.test(head)) return socket.end();
    }
  }
}

async function answer(socket, link, index, head) {
  const { size, latencyMs } = script;
  stats.requests += 1;
  const [, from, to] = /^range:\s*bytes=(\d+)-(\d*)/im.exec(head) ?? [];
  const start = Number(from ?? 0);
  const end = Math.min(size, to ? Number(to) + 1 : size);
  if (latencyMs > 0) await sleep(latencyMs);
  const lines = [
    from === undefined ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 206 Partial Content',
    `Date: ${new Date().toUTCString()}`,
    'Last-Modified: Fri, 02 Jan 2026 03:04:05 GMT',
    `ETag: ${ETAG}`,
    'Accept-Ranges: bytes',
    'Content-Type: application/octet-stream',
    script.oneByteChunks ? 'Transfer-Encoding: chunked' : `Content-Length: ${end - start}`,
  ];
  if (from !== undefined) lines.push(`Content-Range: bytes ${start}-${end - 1}/${size}`);
  await write(socket, Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  if (head.startsWith('HEAD ')) return;
  const stallAt = script.stall?.connection === index ? start + script.stall.afterBytes : Number.POSITIVE_INFINITY;
  for (let at = start; at < end; ) {
    if (at >= stallAt) await once(socket, 'close');
    const view = viewBytes(at, Math.min(end, at + link.sliceBytes, Math.max(at + 1, stallAt)));
    await write(socket, script.oneByteChunks ? inOneByteChunks(view) : view);
    at += view.length;
    count(view.length);
    const busyMs = link.take(view.length);
    if (busyMs > 0) await sleep(busyMs);
  }
  if (script.oneByteChunks) await write(socket, Buffer.from('0\r\n\r\n'));
}

function inOneByteChunks(bytes) {
  const framed = Buffer.alloc(bytes.length * 6, '1\r\n?\r\n');
  for (let index = 0; index < bytes.length; index += 1) framed[index * 6 + 3] = bytes[index];
  return framed;
}

async function write(socket, bytes) {
  if (socket.destroyed) throw new Error('gone');
  if (!socket.write(bytes)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
}

function count(byteCount) {
  const before = stats.bytesSent;
  stats.bytesSent += byteCount;
  const { tellAtBytes = Number.POSITIVE_INFINITY } = script;
  if (before < tellAtBytes && stats.bytesSent >= tellAtBytes) process.send({ event: 'reached', ...stats });
}

process.on('message', ({ id, type, script: next }) => {
  if (type === 'reset') {
    for (const socket of sockets) socket.destroy();
    script = next;
    stats = newStats();
  }
  process.send({ id, ...stats });
});
process.once('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send({ event: 'listening', port: server.address().port }));
