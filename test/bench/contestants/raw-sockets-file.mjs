/**
 * The limit for one Node thread: bare net or tls sockets that read into one buffer each, hardly a parser, and writes
 * that block the event loop. Not a client that anybody should use.
 */

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { config, countRequest, measure } from './measure.mjs';

const READ_BYTES = 1024 * 1024;
const { url, ca, out, size, partSize, concurrency } = config;
const { hostname, port, host, pathname } = new URL(url);
const parts = Math.ceil(size / partSize);
const secureContext = ca === undefined ? undefined : tls.createSecureContext({ ca: readFileSync(ca) });

await measure(async () => {
  const fd = openSync(out, 'wx');
  let next = 0;
  const connection = () =>
    new Promise((resolve, reject) => {
      let position = 0;
      let end = 0;
      let isInBody = false;
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
      const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
      const onread = {
        buffer,
        callback(byteCount) {
          let from = 0;
          if (!isInBody) {
            // nginx writes a head in one piece; this is not a parser.
            if (!buffer.toString('latin1', 0, 12).startsWith('HTTP/1.1 206')) reject(new Error('not a 206'));
            from = buffer.indexOf('\r\n\r\n') + 4;
            isInBody = true;
          }
          if (byteCount > from) position += writeSync(fd, buffer, from, byteCount - from, position);
          if (position >= end) ask();
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
  closeSync(fd);
});
