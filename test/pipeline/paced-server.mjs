/** A worker thread that serves zeros of `workerData.size` bytes at a healthy pace, whatever the event loop of the test does. */

import http from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const PIECE_BYTES = 65_536;
const EVERY_MS = 20;

const server = http.createServer((request, response) => {
  const [, start, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
  const from = Number(start);
  let left = Math.min(Number(last) + 1, workerData.size) - from;
  response.writeHead(206, {
    etag: '"paced"',
    'content-range': `bytes ${from}-${from + left - 1}/${workerData.size}`,
    'content-length': left,
  });
  const timer = setInterval(() => {
    const byteCount = Math.min(PIECE_BYTES, left);
    left -= byteCount;
    response.write(Buffer.alloc(byteCount));
    if (left > 0) return;
    clearInterval(timer);
    response.end();
  }, EVERY_MS);
  response.on('close', () => clearInterval(timer));
});
server.listen(0, '127.0.0.1', () => parentPort?.postMessage(`http://127.0.0.1:${server.address().port}/object.bin`));
