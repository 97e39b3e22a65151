/**
 * The least that a client does who checks every byte and never blocks the event loop: bare sockets with hardly a
 * parser, a CRC-32 of every byte, and asynchronous writes of 1 MiB. No file of it could be resumed.
 */

import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import { crc32 } from 'node:zlib';
import { config, countRequest, measure } from './measure.mjs';

const BUFFER_BYTES = 1024 * 1024;
/** Less room than this is not read into. */
const MIN_ROOM_BYTES = 32 * 1024;
const { url, ca, out, size, partSize, concurrency } = config;
const { hostname, port, host, pathname } = new URL(url);
const parts = Math.ceil(size / partSize);
const secureContext = ca === undefined ? undefined : tls.createSecureContext({ ca: readFileSync(ca) });

await measure(async () => {
  const file = await open(out, 'wx');
  const writes = new Set();
  const free = [];
  let next = 0;
  let checked = 0;

  /** Checks the bytes, and writes them while the next ones are read. */
  const write = async (buffer, from, to, position) => {
    checked ^= crc32(buffer.subarray(from, to));
    const { bytesWritten } = await file.write(buffer, from, to - from, position);
    if (bytesWritten !== to - from) throw new Error('a short write');
    free.push(buffer);
  };
  const connection = () =>
    new Promise((resolve, reject) => {
      let position = 0;
      let end = 0;
      let isInBody = false;
      let buffer = free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
      /** Of the buffer: where the bytes begin that were not written, and where they end. */
      let from = 0;
      let used = 0;
      const ask = () => {
        if (next >= parts) {
          resolve();
          socket.destroy();
          return;
        }
        position = next * partSize;
        end = Math.min(size, position + partSize);
        next += 1;
        isInBody = false;
        countRequest();
        socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nRange: bytes=${position}-${end - 1}\r\n\r\n`);
      };
      const hand = () => {
        const written = write(buffer, from, used, position);
        position += used - from;
        writes.add(written);
        written.catch(reject).finally(() => writes.delete(written));
        buffer = free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
        from = 0;
        used = 0;
      };
      const onread = {
        buffer: () => buffer.subarray(used),
        callback(byteCount) {
          used += byteCount;
          if (!isInBody) {
            // nginx writes a head in one piece; this is not a parser.
            if (!buffer.toString('latin1', 0, 12).startsWith('HTTP/1.1 206')) reject(new Error('not a 206'));
            from = buffer.indexOf('\r\n\r\n') + 4;
            isInBody = true;
          }
          const isLast = position + used - from >= end;
          if (isLast || BUFFER_BYTES - used < MIN_ROOM_BYTES) hand();
          if (isLast) ask();
          return true;
        },
      };
      const options = { host: hostname, port: Number(port), noDelay: true, onread };
      const socket = secureContext === undefined ? net.connect(options) : tls.connect({ ...options, secureContext });
      socket.once(secureContext === undefined ? 'connect' : 'secureConnect', ask);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed early')));
    });
  await Promise.all(Array.from({ length: Math.min(concurrency, parts) }, connection));
  while (writes.size > 0) await Promise.all(writes);
  await file.close();
  return { checked };
});
