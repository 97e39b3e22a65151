import { describe, expect, it } from 'vitest';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from '../../src/checksum.js';
import { createRunningChecksum } from '../../src/verify/running-checksum.js';

/** Of "123456789", as published or as computed by md5sum, sha1sum and sha256sum. */
const published: Readonly<Record<ChecksumAlgorithm, string>> = {
  crc32: 'cbf43926',
  crc32c: 'e3069283',
  crc64ecma: '995dc9bbdf1939fa',
  crc64nvme: 'ae8b14860a799888',
  md5: '25f9e794323b453885f5181f1b624d0b',
  sha1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  sha256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
};

describe.each(CHECKSUM_ALGORITHMS)('a running %s', (algorithm) => {
  it('gives the published value of "123456789", however the bytes are cut', async () => {
    const whole = await createRunningChecksum(algorithm);
    whole.update(Buffer.from('123456789'));
    expect(whole.digest()).toBe(published[algorithm]);

    const cut = await createRunningChecksum(algorithm);
    for (const piece of ['1', '', '2345', '6789']) cut.update(Buffer.from(piece));
    expect(cut.digest()).toBe(published[algorithm]);
  });

  it('does not mix with another one that runs at the same time', async () => {
    const [one, other] = await Promise.all([createRunningChecksum(algorithm), createRunningChecksum(algorithm)]);
    for (const digit of '123456789') {
      one.update(Buffer.from(digit));
      other.update(Buffer.from('noise'));
    }
    expect(one.digest()).toBe(published[algorithm]);
    expect(other.digest()).not.toBe(published[algorithm]);
  });
});

describe('a running checksum of no bytes', () => {
  it.each([
    ['crc32', '00000000'],
    ['crc32c', '00000000'],
    ['crc64ecma', '0000000000000000'],
    ['crc64nvme', '0000000000000000'],
    ['md5', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['sha1', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ['sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ] as const)('is, for %s, %s', async (algorithm, value) => {
    expect((await createRunningChecksum(algorithm)).digest()).toBe(value);
  });
});
