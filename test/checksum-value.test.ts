import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from '../src/checksum.js';
import { checksumsMatch, normalizeChecksum, writeLike } from '../src/checksum-value.js';

const bytesOf: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64ecma: 8,
  crc64nvme: 8,
  md5: 16,
  sha1: 20,
  sha256: 32,
};

describe.each(CHECKSUM_ALGORITHMS)('a %s', (algorithm) => {
  const value = fc.uint8Array({ minLength: bytesOf[algorithm], maxLength: bytesOf[algorithm] }).map(Buffer.from);

  it('is read from hex of either case and from base64', () => {
    fc.assert(
      fc.property(value, (bytes) => {
        const hex = bytes.toString('hex');
        for (const text of [hex, hex.toUpperCase(), bytes.toString('base64')]) {
          expect(checksumsMatch({ algorithm, value: text }, hex)).toBe(true);
        }
        expect(normalizeChecksum({ algorithm, value: bytes.toString('base64') })).toBe(hex);
      }),
    );
  });

  it('matches no other value', () => {
    fc.assert(
      fc.property(value, fc.nat(bytesOf[algorithm] * 8 - 1), (bytes, bit) => {
        const other = Buffer.from(bytes);
        other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        for (const encoding of ['hex', 'base64'] as const) {
          expect(checksumsMatch({ algorithm, value: bytes.toString(encoding) }, other.toString('hex'))).toBe(false);
        }
      }),
    );
  });

  it('is not read from a value of another length, from text, or from a checksum of checksums', () => {
    const zeros = Buffer.alloc(bytesOf[algorithm]);
    const longer = Buffer.alloc(bytesOf[algorithm] + 1);
    for (const text of [
      '',
      'ab',
      longer.toString('hex'),
      longer.toString('base64'),
      `${zeros.toString('base64')}-3`,
      `${zeros.toString('hex')}-3`,
      `0x${zeros.toString('hex')}`,
      ` ${zeros.toString('hex')}`,
      'z'.repeat(2 * bytesOf[algorithm]),
      zeros.toString('base64url'),
    ]) {
      expect(normalizeChecksum({ algorithm, value: text }), text).toBeUndefined();
      expect(checksumsMatch({ algorithm, value: text }, zeros.toString('hex')), text).toBe(false);
    }
  });

  it('is written back in the notation it was announced in', () => {
    const announced = Buffer.alloc(bytesOf[algorithm], 0xab);
    const actual = Buffer.alloc(bytesOf[algorithm], 0xcd);
    for (const encoding of ['hex', 'base64'] as const) {
      const written = writeLike({ algorithm, value: announced.toString(encoding) }, actual.toString('hex'));
      expect(written).toBe(actual.toString(encoding));
    }
  });
});

describe('the decimal of OBS', () => {
  const crc64ecma = (value: string) => ({ algorithm: 'crc64ecma' as const, value });

  it('is read for any unsigned 64-bit number, from 0 to 2^64 - 1', () => {
    expect(normalizeChecksum(crc64ecma('11051210869376104954'))).toBe('995dc9bbdf1939fa');
    expect(normalizeChecksum(crc64ecma('0'))).toBe('0000000000000000');
    expect(normalizeChecksum(crc64ecma('18446744073709551615'))).toBe('ffffffffffffffff');
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
        expect(normalizeChecksum(crc64ecma(`${value}`))).toBe(value.toString(16).padStart(16, '0'));
      }),
    );
  });

  it('is not read from a number of more than 64 bits, with a sign or with a fraction', () => {
    for (const value of ['18446744073709551616', '99999999999999999999', '-1', '+1', '1.0', '1e3']) {
      expect(normalizeChecksum(crc64ecma(value)), value).toBeUndefined();
    }
  });

  it('is not read for any other algorithm', () => {
    for (const algorithm of CHECKSUM_ALGORITHMS.filter((name) => name !== 'crc64ecma')) {
      expect(normalizeChecksum({ algorithm, value: '11051210869376104954' }), algorithm).toBeUndefined();
    }
  });

  it('of 16 digits matches as decimal and as hex, and is decimal when one must be chosen', () => {
    const announced = crc64ecma('1234567890123456');
    expect(checksumsMatch(announced, '000462d53c8abac0')).toBe(true);
    expect(checksumsMatch(announced, '1234567890123456')).toBe(true);
    expect(checksumsMatch(announced, '1234567890123457')).toBe(false);
    expect(normalizeChecksum(announced)).toBe('000462d53c8abac0');
  });

  it('has no leading zero: 16 digits with one are hex', () => {
    const announced = crc64ecma('0000000000000012');
    expect(normalizeChecksum(announced)).toBe('0000000000000012');
    expect(checksumsMatch(announced, '000000000000000c')).toBe(false);
  });

  it('is what a computed value is written in when it was announced so', () => {
    expect(writeLike(crc64ecma('1'), '995dc9bbdf1939fa')).toBe('11051210869376104954');
    expect(writeLike(crc64ecma('no notation'), '995dc9bbdf1939fa')).toBe('995dc9bbdf1939fa');
  });
});
