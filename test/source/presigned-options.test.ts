import { describe, expect, it } from 'vitest';
import { createPresignedUrl, InvalidOptionError, type PresignedUrlOptions } from '../../src/index.js';

const OBJECT = {
  endpoint: 'obs.example.com',
  bucket: 'films',
  key: 'k',
  credentials: { accessKeyId: 'AK', secretAccessKey: 'SK' },
};
const V4 = { ...OBJECT, signature: 'v4', region: 'cn-north-4' };
const WEEK_SECONDS = 604_800;

describe('createPresignedUrl', () => {
  it.each<[what: string, option: string, options: unknown]>([
    ['nothing in place of the options', 'options', undefined],
    ['a method that is no download', 'method', { ...OBJECT, method: 'PUT' }],
    ['a date that is none', 'date', { ...OBJECT, date: new Date(Number.NaN) }],
    ['a date as text', 'date', { ...OBJECT, date: '2026-01-02T03:04:05Z' }],
    ['more than the week that v4 allows', 'expiresInSeconds', { ...V4, expiresInSeconds: WEEK_SECONDS + 1 }],
    // A URL has no headers: whoever opens it could not send the key, nor offer to pay.
    ['a key of the customer', 'sseC', { ...OBJECT, sseC: { key: new Uint8Array(32) } }],
    ['an offer to pay', 'requesterPays', { ...OBJECT, requesterPays: true }],
  ])('refuses %s', (_what, option, options) => {
    let error: unknown;
    try {
      createPresignedUrl(options as PresignedUrlOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option });
  });

  it('allows the whole week of v4, and more with the other signatures', () => {
    const week = { ...V4, expiresInSeconds: WEEK_SECONDS } as PresignedUrlOptions;
    expect(createPresignedUrl(week)).toContain(`X-Amz-Expires=${WEEK_SECONDS}`);
    expect(createPresignedUrl({ ...OBJECT, expiresInSeconds: WEEK_SECONDS + 1 })).toContain('Expires=');
  });
});
