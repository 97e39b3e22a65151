import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../src/errors.js';
import { isStrongEtag, readEtag, readObjectInfo, singleHeader } from '../src/object-info.js';

describe('readObjectInfo', () => {
  it('reads what OBS and S3 say about an object', () => {
    const info = readObjectInfo(
      {
        etag: '"abc"',
        'x-obs-version-id': 'v1',
        'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
        'content-type': 'text/plain',
        'x-obs-storage-class': 'WARM',
        'x-obs-meta-colour': 'red',
        'x-amz-meta-size': 'xl',
        'x-obs-request-id': 'R1',
      },
      5,
    );
    expect(info).toMatchObject({
      size: 5,
      etag: '"abc"',
      versionId: 'v1',
      lastModified: new Date('2026-01-02T03:04:05Z'),
      contentType: 'text/plain',
      storageClass: 'WARM',
      metadata: { colour: 'red', size: 'xl' },
      requestId: 'R1',
    });
    expect(Object.isFrozen(info) && Object.isFrozen(info.metadata) && Object.isFrozen(info.headers)).toBe(true);
  });

  it('leaves out what a server does not say, and a date that is none', () => {
    expect(Object.keys(readObjectInfo({ 'last-modified': 'yesterday' }, 0)).sort()).toEqual([
      'headers',
      'metadata',
      'size',
    ]);
  });

  it('takes a header called __proto__ for a header (T128)', () => {
    const headers = JSON.parse('{"__proto__":"polluted","x-obs-meta-__proto__":"polluted","a":["1","2"]}');
    const info = readObjectInfo(headers, 0);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(info.headers)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(info.metadata)).toBe(Object.prototype);
    expect(info.headers.a).toBe('1, 2');
  });
});

describe('an ETag', () => {
  it.each(['"abc"', 'W/"abc"', '""', 'abc', '"9b2cf535f27731c974343645a3985328-57"', `"${'x'.repeat(512)}"`])(
    'is kept as it came: %j (T064)',
    (etag) => {
      expect(readEtag({ etag })).toBe(etag);
    },
  );

  it('that is empty or not there is none', () => {
    expect(readEtag({})).toBeUndefined();
    expect(readEtag({ etag: '' })).toBeUndefined();
  });

  it.each([
    ['a quote inside', '"a"b"'],
    ['one quote', '"abc'],
    ['a line break', '"a\r\nX: y"'],
    ['a control character', '"a\u0007"'],
    ['a space', '"a b"'],
    ['latin-1', '"ä"'],
    ['64 KiB', `"${'x'.repeat(65_536)}"`],
    ['a lower-case weakness', 'w/"abc"'],
    ['a list', '"a", "b"'],
  ])('with %s is a protocol error that does not repeat it (T125)', (_what, etag) => {
    const read = () => readEtag({ etag });
    expect(read).toThrow(ProtocolError);
    expect(read).toThrow(/^the server sent a malformed ETag$/);
  });

  it('that comes twice is a protocol error (T028)', () => {
    expect(() => readEtag({ etag: ['"a"', '"a"'] })).toThrow(ProtocolError);
    expect(() => singleHeader({ 'content-range': ['a', 'b'] }, 'content-range')).toThrow(/content-range 2 times/);
  });

  it('is strong unless it says that it is weak', () => {
    expect(isStrongEtag('"a"')).toBe(true);
    expect(isStrongEtag('a')).toBe(true);
    expect(isStrongEtag('W/"a"')).toBe(false);
    expect(isStrongEtag(undefined)).toBe(false);
  });

  it('never reads as anything that could break a header line, whatever a server writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('', '"', 'W/"'), (text, before) => {
        try {
          expect(readEtag({ etag: `${before}${text}"` })).toMatch(/^[\x21-\x7e]*$/);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
