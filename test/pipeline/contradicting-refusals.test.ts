import { describe, expect, it } from 'vitest';
import type { ObjectChangedError } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, VERBS } from './download-bench.js';
import { answering, head, trueAnswer } from './raw-answers.js';

const SIZE = 2 * PART;
const DATA = ramp(SIZE).slice();
const ETAG = 'ETag: "e1"';
const OPTIONS = { concurrency: 1, hedge: false } as const;

/** Refusals of a request for the very object that they tell of. */
const CONTRADICTIONS: [string, string][] = [
  ['a 412 with the bound ETag', head('412 No', ETAG, 'Content-Length: 0')],
  ['a 416 with the bound ETag', head('416 No', ETAG, `Content-Range: bytes */${SIZE}`, 'Content-Length: 0')],
  ['a 416 with the bound size and no ETag', head('416 No', `Content-Range: bytes */${SIZE}`, 'Content-Length: 0')],
];
/** Refusals that tell of another object, or of none. */
const CHANGES: [string, string, string | undefined][] = [
  ['a 412 without an ETag', head('412 No', 'Content-Length: 0'), undefined],
  ['a 412 with another ETag', head('412 No', 'ETag: "e2"', 'Content-Length: 0'), '"e2"'],
  ['a 416 without anything', head('416 No', 'Content-Length: 0'), undefined],
  ['a 416 with another size', head('416 No', 'Content-Range: bytes */5', 'Content-Length: 0'), undefined],
  [
    'a 416 with the bound size of another object',
    head('416 No', 'ETag: "e2"', `Content-Range: bytes */${SIZE}`, 'Content-Length: 0'),
    '"e2"',
  ],
];

describe.each(VERBS)('%s, refused at the second part', (verb) => {
  /** Refuses these requests, counted from 1. */
  const refusing = (refusal: string, isRefused: (number: number) => boolean) =>
    answering((asked, socket) => socket.write(isRefused(asked.number) ? refusal : trueAnswer(asked, DATA, ETAG)));

  it.each(CONTRADICTIONS)('asks once more after %s', async (_what, refusal) => {
    const server = await refusing(refusal, (number) => number === 2);
    const { bytes, result, of } = await download(verb, server.url, OPTIONS);
    expect(bytes.equals(DATA)).toBe(true);
    expect(result).toMatchObject({ requests: 3, retries: 1 });
    expect(of('objectChanged')).toEqual([]);
  });

  it.each(CONTRADICTIONS)('calls %s no change, but no answer either', async (_what, refusal) => {
    const server = await refusing(refusal, (number) => number > 1);
    expect(await failureOf(download(verb, server.url, OPTIONS))).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
    expect(server.requests).toHaveLength(3);
  });

  it.each(CHANGES)('calls %s a change', async (_what, refusal, actual) => {
    const server = await refusing(refusal, (number) => number > 1);
    const error = await failureOf(download(verb, server.url, OPTIONS));
    expect(error).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED', expectedEtag: '"e1"' });
    expect((error as ObjectChangedError).actualEtag).toBe(actual);
    expect(server.requests).toHaveLength(2);
  });
});

describe.each(VERBS)('%s, refused where one cut answer is continued', (verb) => {
  /** The first answer is the whole object, cut. */
  const cutting = (refusal: string) =>
    answering((asked, socket) => {
      const whole = trueAnswer({ ...asked, range: undefined }, DATA, ETAG);
      if (asked.number === 1) socket.end(whole.subarray(0, PART));
      else socket.write(asked.number === 2 ? refusal : whole);
    });

  it('asks once more after a 412 with the bound ETag', async () => {
    const server = await cutting(head('412 No', ETAG, 'Content-Length: 0'));
    const { bytes, of } = await download(verb, server.url);
    expect(bytes.equals(DATA)).toBe(true);
    expect(of('objectChanged')).toEqual([]);
  });

  it('calls a 412 without an ETag a change', async () => {
    const server = await cutting(head('412 No', 'Content-Length: 0'));
    expect(await failureOf(download(verb, server.url))).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED' });
  });
});

describe.each(VERBS)('%s, refused at the first request without a condition', (verb) => {
  it.each([
    ['304 Not Modified', 'PS_ERR_PROTOCOL'],
    ['412 No', 'PS_ERR_STORE'],
  ])('calls %s no condition that was not met', async (status, code) => {
    const server = await answering((_asked, socket) => socket.write(head(status, 'Content-Length: 0')));
    expect(await failureOf(download(verb, server.url))).toMatchObject({ code });
    const error = await failureOf(download(verb, server.url, { conditions: { ifNoneMatch: '"x"' } }));
    expect(error).toMatchObject({ code: 'PS_ERR_CONDITION' });
  });
});

describe.each(VERBS)('%s of an object whose ETag could match more than one version', (verb) => {
  it.each(['*', 'a,b'])('asks for it in one answer, and pins nothing: %s', async (etag) => {
    const server = await answering((asked, socket) => socket.write(trueAnswer(asked, DATA, `ETag: ${etag}`)));
    const { bytes } = await download(verb, server.url);
    expect(bytes.equals(DATA)).toBe(true);
    expect(server.requests).toHaveLength(2);
    expect(server.requests.filter((text) => /if-match/i.test(text))).toEqual([]);
  });
});
