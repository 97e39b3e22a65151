import { describe, expect, it } from 'vitest';
import type { AnnouncedChecksum } from '../../src/checksum.js';
import { ChecksumError, InvalidOptionError } from '../../src/errors.js';
import { assertVerified, planVerification, type VerificationSituation } from '../../src/verify/verification.js';

const store: AnnouncedChecksum = { algorithm: 'crc64ecma', value: '11051210869376104954' };
const storeHex = '995dc9bbdf1939fa';
const caller: AnnouncedChecksum = { algorithm: 'md5', value: 'JfnnlDI7RTiF9RgfG2JNCw==' };
const callerHex = '25f9e794323b453885f5181f1b624d0b';
const storeCheck = { ...store, origin: 'store' };
const callerCheck = { ...caller, origin: 'caller' };

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('the plan', () => {
  const auto: VerificationSituation = { mode: 'auto', wholeObject: true };

  it('checks what the store announced', () => {
    expect(planVerification({ ...auto, announced: store })).toEqual({ checks: [storeCheck] });
    expect(planVerification({ ...auto, announced: store, mode: 'require' })).toEqual({ checks: [storeCheck] });
  });

  it('checks both, the caller first, when both are known', () => {
    const plan = planVerification({ ...auto, announced: store, expected: caller });
    expect(plan).toEqual({ checks: [callerCheck, storeCheck] });
  });

  it.each(['auto', 'require', 'off'] as const)(
    'a checksum that the caller expects is always checked (verify: %s, whole object or range)',
    (mode) => {
      for (const wholeObject of [true, false]) {
        expect(planVerification({ expected: caller, mode, wholeObject })).toEqual({ checks: [callerCheck] });
      }
    },
  );

  it("leaves the store's out for a range, where it is a checksum of other bytes", () => {
    const range: VerificationSituation = { announced: store, mode: 'auto', wholeObject: false };
    expect(planVerification(range)).toEqual({ checks: [], reason: 'only a range of the object was downloaded' });
    expect(planVerification({ ...range, expected: caller })).toEqual({ checks: [callerCheck] });
  });

  it("leaves the store's out when verify is 'off'", () => {
    const off: VerificationSituation = { announced: store, mode: 'off', wholeObject: true };
    expect(planVerification(off)).toEqual({ checks: [], reason: 'off' });
    expect(planVerification({ ...off, expected: caller })).toEqual({ checks: [callerCheck] });
  });

  it('says that the store announces nothing', () => {
    expect(planVerification(auto)).toEqual({ checks: [], reason: 'the store announces no checksum' });
  });

  it("leaves out a store's checksum that nobody can read, and says so", () => {
    const composite = { algorithm: 'crc32c', value: 'AAAAAA==-3' } as const;
    expect(planVerification({ ...auto, announced: composite })).toEqual({
      checks: [],
      reason: 'the crc32c that the store announces is in no known notation',
    });
  });

  it.each([
    ['the store announces no checksum', { wholeObject: true }],
    ['only a range of the object was downloaded', { announced: store, wholeObject: false }],
    ['in no known notation', { announced: { algorithm: 'sha256', value: 'x' }, wholeObject: true }],
  ] as const)('a download that must be verified fails when nothing can be checked: %s', (reason, situation) => {
    const error = thrownBy(() => planVerification({ ...situation, mode: 'require' }));
    expect(error).toBeInstanceOf(ChecksumError);
    expect((error as ChecksumError).code).toBe('PS_ERR_CHECKSUM');
    expect((error as ChecksumError).message).toContain("verify is 'require', but nothing can be checked");
    expect((error as ChecksumError).message).toContain(reason);
    expect((error as ChecksumError).actual).toBeUndefined();
  });

  it('refuses an expected checksum that nobody can read, whatever the mode', () => {
    for (const mode of ['auto', 'require', 'off'] as const) {
      const expected = { algorithm: 'md5', value: 'abc' } as const;
      const error = thrownBy(() => planVerification({ announced: store, expected, mode, wholeObject: true }));
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect((error as InvalidOptionError).option).toBe('expectedChecksum.value');
    }
  });
});

describe('the verdict', () => {
  const both = planVerification({ announced: store, expected: caller, mode: 'auto', wholeObject: true });
  const storeOnly = planVerification({ announced: store, mode: 'auto', wholeObject: true });

  it("reports the store's checksum as it was announced", () => {
    expect(assertVerified(storeOnly, new Map([['crc64ecma', storeHex]]))).toEqual({
      scope: 'object',
      algorithm: 'crc64ecma',
      origin: 'store',
      value: '11051210869376104954',
    });
  });

  it("reports the caller's when both hold", () => {
    const actual = new Map([['crc64ecma', storeHex] as const, ['md5', callerHex] as const]);
    expect(assertVerified(both, actual)).toEqual({ scope: 'object', ...callerCheck });
  });

  it('reports why nothing was checked', () => {
    const nothing = planVerification({ mode: 'auto', wholeObject: true });
    expect(assertVerified(nothing, new Map())).toEqual({ scope: 'none', reason: 'the store announces no checksum' });
  });

  it("fails on a mismatch, with both values in the store's notation", () => {
    const error = thrownBy(() => assertVerified(storeOnly, new Map([['crc64ecma', '00000000000000ff']])));
    expect(error).toBeInstanceOf(ChecksumError);
    expect(error).toMatchObject({ algorithm: 'crc64ecma', expected: '11051210869376104954', actual: '255' });
    expect((error as Error).message).toContain('255');
    expect((error as Error).message).toContain('11051210869376104954');
  });

  it('fails when only one of two checks holds', () => {
    const wrongMd5 = Buffer.alloc(16).toString('hex');
    const caller = thrownBy(() =>
      assertVerified(both, new Map([['crc64ecma', storeHex] as const, ['md5', wrongMd5] as const])),
    );
    expect(caller).toMatchObject({ algorithm: 'md5', actual: 'AAAAAAAAAAAAAAAAAAAAAA==' });
    expect((caller as Error).message).toContain('the caller expects');
    const store = thrownBy(() =>
      assertVerified(both, new Map([['crc64ecma', '0'.repeat(16)] as const, ['md5', callerHex] as const])),
    );
    expect(store).toMatchObject({ algorithm: 'crc64ecma', actual: '0' });
    expect((store as Error).message).toContain('the store announced');
  });

  it('bytes whose checksum was not computed are not verified', () => {
    const error = thrownBy(() => assertVerified(both, new Map([['md5', callerHex]])));
    expect(error).toBeInstanceOf(ChecksumError);
    expect(error).toMatchObject({ algorithm: 'crc64ecma', actual: undefined });
    expect((error as Error).message).toContain('not computed');
  });

  it('fails when caller and store announce different values of one algorithm', () => {
    const plan = planVerification({
      announced: store,
      expected: { algorithm: 'crc64ecma', value: '00000000000000ff' },
      mode: 'auto',
      wholeObject: true,
    });
    for (const actual of [storeHex, '00000000000000ff']) {
      expect(() => assertVerified(plan, new Map([['crc64ecma', actual]]))).toThrow(ChecksumError);
    }
  });
});
