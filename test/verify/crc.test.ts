import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadCrc } from '../../src/verify/crc.js';
import { CRC_ALGORITHMS, type CrcAlgorithm, formatCrc } from '../../src/verify/crc-algorithm.js';

const digits = Buffer.from('123456789');
const published: readonly (readonly [CrcAlgorithm, string])[] = [
  ['crc32', 'cbf43926'],
  ['crc32c', 'e3069283'],
  ['crc64ecma', '995dc9bbdf1939fa'],
  ['crc64nvme', 'ae8b14860a799888'],
];

/** The definition of a reflected CRC, a bit at a time. */
function bitwiseCrc(algorithm: CrcAlgorithm, bytes: Uint8Array): bigint {
  const { bits, polynomial } = CRC_ALGORITHMS[algorithm];
  const ones = (1n << BigInt(bits)) - 1n;
  let crc = ones;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
  }
  return crc ^ ones;
}

describe.each(published)('%s', (algorithm, checkValue) => {
  it(`is ${checkValue} for the published check string "123456789"`, async () => {
    const crc = await loadCrc(algorithm);
    expect(crc.algorithm).toBe(algorithm);
    expect(formatCrc(crc.algorithm, crc.of([digits]))).toBe(checkValue);
  });

  it('is 0 for no bytes, in no buffer and in an empty one', async () => {
    const crc = await loadCrc(algorithm);
    expect(crc.of([])).toBe(0n);
    expect(crc.of([Buffer.alloc(0)])).toBe(0n);
    expect(formatCrc(crc.algorithm, 0n)).toBe('0'.repeat(checkValue.length));
  });

  it('is the CRC of its definition for any bytes, however they are cut into buffers', async () => {
    const crc = await loadCrc(algorithm);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (buffers) => {
        expect(crc.of(buffers)).toBe(bitwiseCrc(algorithm, Buffer.concat(buffers)));
      }),
      { numRuns: 50 },
    );
  });

  it('reads only the bytes of a view, not those around it in the same memory', async () => {
    const crc = await loadCrc(algorithm);
    const slab = Buffer.from('xx123456789xx');
    expect(formatCrc(crc.algorithm, crc.of([slab.subarray(2, 6), slab.subarray(6, 11)]))).toBe(checkValue);
    const words = new Uint8Array(slab.buffer, slab.byteOffset + 2, 9);
    expect(formatCrc(crc.algorithm, crc.of([words]))).toBe(checkValue);
  });

  it('is the same for a buffer larger than the memory of WebAssembly takes at once', async () => {
    const crc = await loadCrc(algorithm);
    const bytes = Buffer.alloc(300_001, 'ramp of letters');
    expect(crc.of([bytes])).toBe(bitwiseCrc(algorithm, bytes));
  });

  it('is loaded once in a process', async () => {
    const [first, second] = await Promise.all([loadCrc(algorithm), loadCrc(algorithm)]);
    expect(second).toBe(first);
  });

  it('blocks of concurrent downloads never mix in one CRC; from reset to digest nothing else can run', async () => {
    const crc = await loadCrc(algorithm);
    const values = await Promise.all(
      [digits, Buffer.from('other'), digits].map(async (bytes) => {
        await Promise.resolve();
        return crc.of([bytes]);
      }),
    );
    expect(values[0]).toBe(values[2]);
    expect(formatCrc(crc.algorithm, values[0] ?? 0n)).toBe(checkValue);
  });

  it('starts afresh after an update that threw', async () => {
    const crc = await loadCrc(algorithm);
    expect(() => crc.of([digits, 5 as unknown as Uint8Array])).toThrow();
    expect(formatCrc(crc.algorithm, crc.of([digits]))).toBe(checkValue);
  });

  it('combines blocks in the order of the object, whatever the order they were computed in', async () => {
    const crc = await loadCrc(algorithm);
    const object = Buffer.from('the quick brown fox jumps over the lazy dog');
    const starts = [32, 0, 16].map((start) => ({ start, block: object.subarray(start, start + 16) }));
    const records = starts.map(({ start, block }) => ({ start, length: block.length, value: crc.of([block]) }));
    const whole = records
      .sort((a, b) => a.start - b.start)
      .reduce((value, record) => crc.combine(value, record.value, record.length), 0n);
    expect(whole).toBe(crc.of([object]));
  });
});

it('crc32 is the CRC of zlib', async () => {
  const crc = await loadCrc('crc32');
  fc.assert(fc.property(fc.uint8Array(), (bytes) => crc.of([bytes]) === BigInt(zlibCrc32(bytes))));
});

it('OBS writes the crc64ecma of "123456789" as 11051210869376104954', async () => {
  expect((await loadCrc('crc64ecma')).of([digits])).toBe(11051210869376104954n);
});
