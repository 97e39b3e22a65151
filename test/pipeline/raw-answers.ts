/** A server whose answers are written by hand, for what the range server cannot say. Closed after the test. */

import type { Socket } from 'node:net';
import type { ByteRange } from '../../src/byte-range.js';
import { type RawServer, rawServer } from '../fixtures/raw-server.js';
import { closeLater } from './download-bench.js';

export interface Asked {
  /** Of this server, from 1. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly range: ByteRange | undefined;
  header(name: string): string | undefined;
}

/** Starts it. */
export async function answering(respond: (asked: Asked, socket: Socket) => void): Promise<RawServer> {
  return closeLater(
    await rawServer({
      respond: (text, socket, number) => {
        const [method = '', path = ''] = text.split(' ');
        const header = (name: string) => new RegExp(`\r\n${name}: ([^\r]*)`, 'i').exec(text)?.[1];
        const bytes = /^bytes=(\d+)-(\d+)$/.exec(header('range') ?? '');
        const range = bytes === null ? undefined : { start: Number(bytes[1]), end: Number(bytes[2]) + 1 };
        respond({ number, method, path, range, header }, socket);
      },
    }),
  );
}

export function head(status: string, ...headers: string[]): string {
  return `HTTP/1.1 ${status}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** One chunk, and the last chunk unless it is lost. */
export function chunks(body: Buffer, isEnded: boolean = true): Buffer {
  const size = Buffer.from(`${body.length.toString(16)}\r\n`);
  return Buffer.concat([size, body, Buffer.from(isEnded ? '\r\n0\r\n\r\n' : '\r\n')]);
}

/** Where a true answer to it ends. */
export function askedRange({ range }: Asked, data: Buffer): ByteRange {
  return range === undefined
    ? { start: 0, end: data.length }
    : { start: range.start, end: Math.min(range.end, data.length) };
}

export function contentRange({ start, end }: ByteRange, total: number | '*'): string {
  return `Content-Range: bytes ${start}-${end - 1}/${total}`;
}

/** The true answer: what was asked for, or all. */
export function trueAnswer(asked: Asked, data: Buffer, ...more: string[]): Buffer {
  const { start, end } = askedRange(asked, data);
  const lines = [`Content-Length: ${end - start}`, ...more];
  const text =
    asked.range === undefined
      ? head('200 OK', ...lines)
      : head('206 Partial Content', contentRange({ start, end }, data.length), ...lines);
  return Buffer.concat([
    Buffer.from(text, 'latin1'),
    asked.method === 'HEAD' ? Buffer.alloc(0) : data.subarray(start, end),
  ]);
}
