import { describe, expect, it } from 'vitest';
import { readDate } from '../../src/obs-client/read-value.js';

describe('a date of a call', () => {
  it.each([0, 5, 2026, 1_700_000_000, 1_700_000_000_000, true, 'yesterday', new Date(Number.NaN)])(
    'is refused when it is %o: a number is none, also where Date.parse would make something of it',
    (value) => {
      expect(() => readDate('IfModifiedSince', value)).toThrow(/^InvalidArgument:IfModifiedSince must be a date/);
    },
  );

  it.each([new Date(0), 'Thu, 01 Jan 1970 00:00:00 GMT', '1970-01-01', 'Thu Jan  1 00:00:00 1970'])(
    'is taken when it is %o',
    (value) => {
      expect(readDate('IfModifiedSince', value)).toEqual(new Date(0));
    },
  );
});
