import { describe, expect, it } from 'vitest';
import { NetworkError, ProtocolError } from '../../src/errors.js';
import { checkContentRange, createBodyCounter, parseContentLength } from '../../src/fetch/range-request.js';
import type { Flow } from '../../src/transport/flow.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';

const flow: Flow = { pause: () => {}, resume: () => {} };
const object = ramp(1000);

/** A counter that expects `length` bytes behind `skip`, and what it hands on until `enough`. */
function count(expected: { skip: number; length: number }, enough = Number.POSITIVE_INFINITY) {
  const taken: Buffer[] = [];
  const skipped: Buffer[] = [];
  const bytes = () => Buffer.concat(taken);
  const body = createBodyCounter(
    (chunk) => {
      taken.push(chunk);
      return bytes().length < enough;
    },
    (chunk) => skipped.push(chunk),
  );
  body.expect({ ...expected, flow });
  return { body, bytes, skipped: () => Buffer.concat(skipped) };
}

describe('createBodyCounter', () => {
  it('bytes after the announced range are never used, also when they come in the same chunk', () => {
    const { body, bytes } = count({ skip: 0, length: 100 });
    expect(body.onBytes(object.slice(0, 60))).toBeUndefined();
    expect(body.onBytes(object.slice(60, 200))).toBe('done');
    expect(bytes()).toEqual(object.slice(0, 100));
    expect(() => body.checkComplete()).not.toThrow();
  });

  it('the end of a message is the end of a range only when every announced byte has arrived', () => {
    const { body } = count({ skip: 0, length: 100 });
    body.onBytes(object.slice(0, 99));
    expect(() => body.checkComplete()).toThrow(NetworkError);
    const silent = count({ skip: 0, length: 100 });
    expect(() => silent.body.checkComplete()).toThrow(NetworkError);
    const short = count({ skip: 100, length: Number.NaN });
    short.body.onBytes(object.slice(0, 40));
    expect(short.body.unskipped).toBe(60);
    expect(() => short.body.checkComplete()).toThrow(NetworkError);
  });

  it('leaves out what is not wanted, wherever the chunks are cut', () => {
    for (const step of [1, 7, 99, 100, 101, 250, 1000]) {
      const { body, bytes, skipped } = count({ skip: 100, length: 300 });
      for (let at = 0; at < 1000; at += step) if (body.onBytes(object.slice(at, at + step)) === 'done') break;
      expectRamp(skipped());
      expect(skipped().length).toBe(100);
      expectRamp(bytes(), 100);
      expect(bytes().length).toBe(300);
    }
  });

  it('is done as soon as the taker has enough, and then nothing is missing', () => {
    const { body } = count({ skip: 0, length: 500 }, 50);
    expect(body.onBytes(object.slice(0, 60))).toBe('done');
    expect(() => body.checkComplete()).not.toThrow();
  });

  it('takes what comes when only the end of the message tells the length', () => {
    const { body, bytes } = count({ skip: 10, length: Number.NaN });
    for (let at = 0; at < 1000; at += 300) expect(body.onBytes(object.slice(at, at + 300))).toBeUndefined();
    expect(bytes().length).toBe(990);
    expect(() => body.checkComplete()).not.toThrow();
  });
});

describe('checkContentRange', () => {
  const asked = { start: 100, end: 200 };
  const check = (value?: string | string[], length?: string | string[]) =>
    checkContentRange({ 'content-range': value, 'content-length': length }, asked);

  it('bytes are used only at the offset that the server says they have', () => {
    expect(check('bytes 100-199/1000', '100')).toEqual({ start: 100, end: 200, total: 1000 });
    expect(check('bytes 100-149/1000', '50')).toEqual({ start: 100, end: 150, total: 1000 });
    expect(check('bytes 100-199/*')).toEqual({ start: 100, end: 200, total: undefined });
    for (const value of ['bytes 99-199/1000', 'bytes 101-199/1000', 'bytes 100-200/1000', 'bytes 0-99/1000']) {
      expect(() => check(value)).toThrow(ProtocolError);
    }
  });

  it('refuses one that is not there, doubled, or does not fit Content-Length', () => {
    expect(() => check()).toThrow(ProtocolError);
    expect(() => check(['bytes 100-199/1000', 'bytes 100-199/1000'])).toThrow(ProtocolError);
    expect(() => check('bytes 100-199/1000', '99')).toThrow(ProtocolError);
    expect(() => check('bytes 100-199/1000', ['100', '100'])).toThrow(ProtocolError);
  });
});

describe('parseContentLength', () => {
  it('reads a safe integer and nothing else', () => {
    expect(parseContentLength({})).toBeUndefined();
    expect(parseContentLength({ 'content-length': '0' })).toBe(0);
    expect(parseContentLength({ 'content-length': '9007199254740991' })).toBe(Number.MAX_SAFE_INTEGER);
    for (const value of ['', '-1', '+1', '1.5', '1e3', '0x10', ' 1', '9007199254740992', '9'.repeat(20), 'NaN']) {
      expect(() => parseContentLength({ 'content-length': value })).toThrow(ProtocolError);
    }
  });
});
