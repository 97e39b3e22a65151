import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodePercent,
  encodeKey,
  encodeStrictly,
  formatCanonicalQuery,
  formatQuery,
  parseQuery,
} from '../../src/source/key-encoding.js';

const wellFormed = fc.string({ unit: 'binary', maxLength: 60 });

test('the key on the wire decodes to exactly the key that was asked for', () => {
  fc.assert(fc.property(wellFormed, (key) => decodePercent(encodeKey(key)) === key));
  fc.assert(fc.property(wellFormed, (key) => decodePercent(encodeStrictly(key, 'key')) === key));
});

test('an encoded key holds unreserved characters, slashes and upper-case escapes only, whatever the key (T123)', () => {
  fc.assert(
    fc.property(wellFormed, (key) => {
      expect(encodeKey(key)).toMatch(/^(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*$/);
      expect(encodeStrictly(key, 'key')).toMatch(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*$/);
    }),
  );
});

test.each([
  ["dir/a b+c'(é)~!*&?#%.bin", 'dir/a%20b%2Bc%27%28%C3%A9%29~%21%2A%26%3F%23%25.bin'],
  ['dir/中文 1.txt', 'dir/%E4%B8%AD%E6%96%87%201.txt'],
  ['/a//b/', '/a//b/'],
  ['../../escaped.txt', '../../escaped.txt'],
  ['./a/./b/..', './a/./b/..'],
  ['%2F', '%252F'],
  ['a"b<c>d|e\\f^g`h{i}', 'a%22b%3Cc%3Ed%7Ce%5Cf%5Eg%60h%7Bi%7D'],
  ['🎬', '%F0%9F%8E%AC'],
  ['a\r\nb\0', 'a%0D%0Ab%00'],
  ['e\u0301', 'e%CC%81'],
  ['@:$,;=[]', '%40%3A%24%2C%3B%3D%5B%5D'],
])('the key %j is encoded as the signature has it', (key, encoded) => {
  expect(encodeKey(key)).toBe(encoded);
});

test('a key with half of a surrogate pair is an InvalidOptionError', () => {
  for (const key of ['\ud800', 'a\udc00b', '\udfff\ud800']) {
    expect(() => encodeKey(key)).toThrow(expect.objectContaining({ code: 'PS_ERR_INVALID_OPTION', option: 'key' }));
  }
});

test('a query is sorted by name; OBS keeps slashes and drops empty values, the canonical form does neither', () => {
  const pairs = [
    ['x-image-process', 'image/resize'],
    ['versionId', 'G+ =='],
    ['acl', ''],
  ] as const;
  expect(formatQuery(pairs)).toBe('acl&versionId=G%2B%20%3D%3D&x-image-process=image/resize');
  expect(formatCanonicalQuery(pairs)).toBe('acl=&versionId=G%2B%20%3D%3D&x-image-process=image%2Fresize');
});

test('a query that was formatted is read back as it was', () => {
  const pair = fc.tuple(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 5 }), (pairs) => {
      const byText = (text: [string, string][]) => text.map((entry) => JSON.stringify(entry)).sort();
      expect(byText(parseQuery(formatQuery(pairs)) as [string, string][])).toEqual(byText(pairs));
      expect(byText(parseQuery(formatCanonicalQuery(pairs)) as [string, string][])).toEqual(byText(pairs));
    }),
  );
});

test('a query with broken escapes is not read at all', () => {
  expect(parseQuery('a=%')).toBeUndefined();
  expect(parseQuery('%ff=1')).toBeUndefined();
  expect(parseQuery('a=b=c&d')).toEqual([
    ['a', 'b=c'],
    ['d', ''],
  ]);
});
