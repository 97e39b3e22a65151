import { describe, expect, it } from 'vitest';
import { http, type ObjectSource } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, serve, VERBS } from './download-bench.js';

const SIZE = 2 * PART;

/** The bytes behind `url`, with a `checksum` as a caller without types may write it. */
function withChecksum(url: string, checksum: () => unknown): ObjectSource {
  const { identity, name, request } = http(url);
  return { identity, name, request, checksum } as ObjectSource;
}

describe.each(VERBS)('the checksum() of a source of somebody else, asked by %s,', (verb) => {
  it.each([
    ['a promise', async () => ({ algorithm: 'md5', value: ramp(SIZE).md5() })],
    ['a number', () => 5],
    ['an empty object', () => ({})],
  ])('that gives %s is an InvalidOptionError', async (_what, checksum) => {
    const server = await serve(ramp(SIZE));
    const error = await failureOf(download(verb, withChecksum(server.url, checksum)));
    expect(error).toMatchObject({ code: 'PS_ERR_INVALID_OPTION', option: 'source' });
  });

  it('that gives null announces nothing', async () => {
    const server = await serve(ramp(SIZE));
    const { result } = await download(
      verb,
      withChecksum(server.url, () => null),
    );
    expect(result.verification.scope).toBe('none');
  });
});
