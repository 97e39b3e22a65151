import { describe, expect, it } from 'vitest';
import * as errors from '../src/errors.js';
import * as door from '../src/index.js';

const part = { index: 3, start: 10, end: 20 };
const answer = { statusCode: 404, storeCode: 'NoSuchKey', requestId: 'R1' };

const EXAMPLES: [string, errors.DownloadError, Record<string, unknown>][] = [
  ['PS_ERR_INVALID_OPTION', new errors.InvalidOptionError('retry.attempts', 'bad'), { option: 'retry.attempts' }],
  ['PS_ERR_NOT_FOUND', new errors.NotFoundError('gone', answer), answer],
  ['PS_ERR_ACCESS_DENIED', new errors.AccessDeniedError('no', answer), answer],
  ['PS_ERR_CONDITION', new errors.ConditionNotMetError(412, 'ifMatch'), { statusCode: 412, condition: 'ifMatch' }],
  [
    'PS_ERR_OBJECT_CHANGED',
    new errors.ObjectChangedError('x', '"a"', '"b"'),
    { expectedEtag: '"a"', actualEtag: '"b"' },
  ],
  ['PS_ERR_STORE', new errors.StoreError('busy', answer, 1000), { ...answer, retryAfterMs: 1000 }],
  ['PS_ERR_PROTOCOL', new errors.ProtocolError('nonsense'), {}],
  ['PS_ERR_NETWORK', new errors.NetworkError('cut', { cause: 1 }), { cause: 1 }],
  ['PS_ERR_TIMEOUT', new errors.TimeoutError('stall', 'late'), { phase: 'stall' }],
  ['PS_ERR_REDIRECT', new errors.RedirectError('no'), {}],
  ['PS_ERR_PART_FAILED', new errors.PartFailedError(part, 6, 'why'), { part, attempts: 6, cause: 'why' }],
  ['PS_ERR_CHECKSUM', new errors.ChecksumError('x', 'md5', 'a', 'b'), { algorithm: 'md5', expected: 'a', actual: 'b' }],
  ['PS_ERR_CHECKPOINT', new errors.CheckpointError('/f', 'old'), { path: '/f', reason: 'old' }],
  ['PS_ERR_LOCKED', new errors.LockedError('/f', 'held'), { path: '/f' }],
  ['PS_ERR_DISK', new errors.DiskError('/f', 'full'), { path: '/f', cause: 'full' }],
  ['PS_ERR_DESTINATION', new errors.DestinationError('/f', 'exists', 'there'), { path: '/f', reason: 'exists' }],
];

describe('every error', () => {
  it.each(EXAMPLES)('%s has its code, its class name and its fields', (code, error, fields) => {
    expect(error).toMatchObject({ code, ...fields });
    expect(error.name).toBe(error.constructor.name);
    expect(error).toBeInstanceOf(errors.DownloadError);
    expect(error).toBeInstanceOf(Error);
    expect(errors.isDownloadError(error)).toBe(true);
    expect(error.message).not.toBe('');
  });

  it('is among the examples above, and leaves by the door', () => {
    const classes = Object.values(errors).filter((value) => value.prototype instanceof errors.DownloadError);
    const shown = EXAMPLES.map(([, error]) => error.constructor);
    expect(new Set(shown)).toEqual(new Set(classes));
    for (const kind of classes) expect(Object.values(door)).toContain(kind);
  });

  it('is known across copies of the package by its code; nothing else is', () => {
    expect(errors.isDownloadError(Object.assign(new Error('x'), { code: 'PS_ERR_STORE' }))).toBe(true);
    expect(errors.isDownloadError(Object.assign(new Error('x'), { code: 'ECONNRESET' }))).toBe(false);
    expect(errors.isDownloadError({ code: 'PS_ERR_STORE' })).toBe(false);
    expect(errors.isDownloadError(new DOMException('aborted', 'AbortError'))).toBe(false);
    expect(errors.isDownloadError(undefined)).toBe(false);
  });

  it('is told from what throws when it is looked at', () => {
    const refuse = (): never => {
      throw new Error('no');
    };
    const mute = new Proxy({}, { get: refuse, getPrototypeOf: refuse, has: refuse });
    const unreadable = Object.defineProperty(new Error('x'), 'code', { get: refuse });
    expect(errors.isDownloadError(mute)).toBe(false);
    expect(errors.isDownloadError(unreadable)).toBe(false);
  });
});
