/** What may stand where an option is an object: a class that keeps its content elsewhere would pass for an empty one. */

import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { checkHeaderValue } from '../src/option-checks.js';
import { checkOptions } from '../src/options.js';
import { checkHttpOptions, checkS3Options } from '../src/source-options.js';

const PLACE = { endpoint: 'https://h.example', bucket: 'b', key: 'k' };
const PAIRS: [string, string][] = [['x-a', 'S3CR3T']];

/** Each place where an option is an object, as the error names it. */
const PLACES: [option: string, check: (value: unknown) => unknown][] = [
  ['options', (value) => checkOptions('file', value)],
  ['options', (value) => checkHttpOptions(value)],
  ['options', (value) => checkS3Options(value)],
  ['retry', (value) => checkOptions('file', { retry: value })],
  ['timeouts', (value) => checkOptions('file', { timeouts: value })],
  ['conditions', (value) => checkOptions('file', { conditions: value })],
  ['headers', (value) => checkHttpOptions({ headers: value })],
  ['tls', (value) => checkHttpOptions({ tls: value })],
  ['query', (value) => checkS3Options({ ...PLACE, query: value })],
  ['sseC', (value) => checkS3Options({ ...PLACE, sseC: value })],
];

const NOT_PLAIN: [string, unknown][] = [
  ['Headers', new Headers(PAIRS)],
  ['a Map', new Map(PAIRS)],
  ['an empty Map', new Map()],
  ['a Map with a property', Object.assign(new Map(PAIRS), { attempts: 1 })],
  ['a Map of another realm', runInNewContext('new Map([["x-a", "S3CR3T"]])')],
  ['a Set', new Set(['S3CR3T'])],
  ['a WeakMap', new WeakMap()],
  ['URLSearchParams', new URLSearchParams(PAIRS)],
  ['a URL', new URL('http://S3CR3T.example/')],
  ['an array', []],
  ['pairs', PAIRS],
  ['a Date', new Date()],
  ['a promise', Promise.resolve({})],
  ['bytes', Buffer.from('S3CR3T')],
  ['text', 'S3CR3T'],
  ['a String', new String('S3CR3T')],
  ['null', null],
  ['a function', () => {}],
];

class Own {
  partSize = 1_000_000;
}

describe('an option that is an object', () => {
  it.each(PLACES)('is refused as %s where it is not plain: it would be taken for an empty one', (option, check) => {
    for (const [what, value] of NOT_PLAIN) {
      const refusal = expect.objectContaining({ code: 'PS_ERR_INVALID_OPTION', option });
      expect(() => check(value), what).toThrow(refusal);
      expect(() => check(value), what).not.toThrow('S3CR3T');
    }
  });

  it('may be of any realm, without a prototype, or of a class with fields of its own', () => {
    const other: unknown = runInNewContext('({ partSize: 1_000_000 })');
    for (const given of [other, Object.assign(Object.create(null), { partSize: 1_000_000 }), new Own()]) {
      expect(checkOptions('file', given).partSize).toBe(1_000_000);
    }
    expect(checkOptions('file', Object.create({ partSize: 1_000_000 })).partSize).toBe(1_000_000);
    for (const empty of [{}, Object.create(null), runInNewContext('({})')]) {
      expect(checkOptions('file', { retry: empty, timeouts: empty })).toEqual(checkOptions('file', undefined));
      expect(checkHttpOptions({ headers: empty }).headers).toEqual({});
      expect(checkS3Options({ ...PLACE, query: empty }).query).toEqual({});
    }
    expect(checkHttpOptions({ headers: runInNewContext('({ "X-A": "1" })') }).headers).toEqual({ 'x-a': '1' });
  });
});

describe('checkHeaderValue', () => {
  it('says what is allowed: characters beyond latin-1 are not', () => {
    expect(checkHeaderValue('headers.x-a', 'a\tb é')).toBe('a\tb é');
    for (const value of ['对', 'a\nb', '\x7f']) {
      expect(() => checkHeaderValue('headers.x-a', value)).toThrow(/latin-1 .* line breaks or control characters/);
    }
  });
});
