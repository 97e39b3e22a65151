import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { rawServer } from '../fixtures/raw-server.js';
import { closeLater, serve } from './download-bench.js';

const KIB = 1024;
const MIB = 1024 * KIB;

interface Measured {
  readonly idle: number;
  readonly held: number;
  readonly after: number;
  readonly transferred: number;
}

/** Downloads in a process of its own, which stops reading; see stopped-reader.ts. */
async function measure(url: string, options: object): Promise<Measured> {
  const script = new URL('./stopped-reader.ts', import.meta.url).pathname;
  const args = ['--expose-gc', '--import', 'tsx', script, url, JSON.stringify(options)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

const limit = (bufferBytes: number, concurrency: number) => 24 * MIB + 1.15 * bufferBytes + concurrency * 192 * KIB;

describe('a reader that stops', () => {
  it('makes a download of many parts hold its budget and little more (T134)', async () => {
    const server = await serve(ramp(400 * MIB));
    const options = { partSize: MIB, concurrency: 16, bufferBytes: 32 * MIB };
    const { idle, held, after, transferred } = await measure(server.url, options);
    expect(transferred).toBeGreaterThan(24 * MIB);
    expect(held - idle).toBeGreaterThan(24 * MIB);
    expect(held - idle).toBeLessThan(limit(32 * MIB, 16));
    expect(after - idle).toBeLessThan(24 * MIB);
  });

  it('makes a download of one large answer hold its budget and little more', async () => {
    const server = await serve(ramp(400 * MIB), [ignoreRange()]);
    const { idle, held, after } = await measure(server.url, { concurrency: 4, bufferBytes: 16 * MIB });
    expect(held - idle).toBeLessThan(limit(16 * MIB, 4));
    expect(after - idle).toBeLessThan(24 * MIB);
  });

  it('makes a download hold its budget and little more, also when a server sends 16 bytes at a time', async () => {
    const size = 12 * MIB;
    const server = closeLater(
      await rawServer({
        respond: (head, socket) => {
          const [, first = '0', last = '0'] = /range: bytes=(\d+)-(\d+)/i.exec(head) ?? [];
          const end = Math.min(Number(last) + 1, size);
          const body = ramp(size).slice(Number(first), end).toString('latin1');
          const range = `ETag: "x"\r\nContent-Range: bytes ${first}-${end - 1}/${size}`;
          socket.write(`HTTP/1.1 206 Partial Content\r\n${range}\r\nTransfer-Encoding: chunked\r\n\r\n`);
          const chunks = body.match(/.{1,16}/gs) ?? [];
          socket.write(
            `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`,
            'latin1',
          );
        },
      }),
    );
    const options = { partSize: MIB, concurrency: 4, bufferBytes: 8 * MIB };
    const { idle, held, transferred } = await measure(server.url, options);
    expect(transferred).toBeGreaterThan(6 * MIB);
    expect(held - idle).toBeLessThan(limit(8 * MIB, 4));
  });
});
