import { describe, expect, it } from 'vitest';
import { NotFoundError, ObjectChangedError, ProtocolError } from '../../src/index.js';
import {
  changeEtagAfter,
  changeObjectAfter,
  header,
  removeObjectAfter,
  weakEtagAlternating,
} from '../fixtures/answer-faults.js';
import { chunkedCut, cut, latency, reset } from '../fixtures/connection-faults.js';
import { expectBytesOf, expectRamp, ramp } from '../fixtures/ramp.js';
import { download, failureOf, PART, partRanges, rangesOf, recorder, serve, VERBS } from './download-bench.js';

const SIZE = 6 * PART;

describe.each(VERBS)('%s', (verb) => {
  it('never mixes two versions, whenever the object changes: 50 moments', async () => {
    const before = ramp(SIZE);
    const after = ramp(SIZE, 100);
    let changed = 0;
    for (let moment = 0; moment < 50; moment += 1) {
      const server = await serve(before, [
        changeObjectAfter({ requests: moment % 8, object: after }),
        reset({ probability: 0.3, seed: moment + 1, afterBytes: 'random' }),
        latency({ upToMs: 2, seed: moment }),
      ]);
      const outcome = await download(verb, server.url, { retry: { baseDelayMs: 0 } }).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(ObjectChangedError);
        changed += 1;
      } else {
        const { bytes } = outcome as { bytes: Buffer };
        expect(bytes.length).toBe(SIZE);
        expectBytesOf(bytes[0] === 0 ? before : after, bytes);
      }
      await server.close();
    }
    expect(changed).toBeGreaterThan(10);
  });

  it('a change is told by the error and an event, at once and without a retry', async () => {
    const server = await serve(ramp(SIZE), [changeObjectAfter({ requests: 2, etag: '"new"' })]);
    const { events, all } = recorder();
    const error = await failureOf(download(verb, server.url, { events, concurrency: 1 }));
    expect(error).toBeInstanceOf(ObjectChangedError);
    expect(error).toMatchObject({ expectedEtag: `"${ramp(SIZE).fingerprint}"` });
    const announced = all.filter(({ name }) => name === 'objectChanged' || name === 'failed');
    expect(announced.map(({ name }) => name)).toEqual(['objectChanged', 'failed']);
    expect(announced[0]?.payload).toMatchObject({ expected: `"${ramp(SIZE).fingerprint}"` });
    expect(server.requests).toHaveLength(3);
    expect(server.requests.at(-1)?.status).toBe(412);
  });

  it('a response whose ETag is not the bound one is never used, and neither is one that hides it', async () => {
    const server = await serve(ramp(SIZE), [header('ETag', '"other"', { fromRequest: 3 })]);
    const error = await failureOf(download(verb, server.url, { concurrency: 1 }));
    expect(error).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED', actualEtag: '"other"' });
    expect(server.requests).toHaveLength(3);
    const hiding = await serve(ramp(SIZE), [header('ETag', undefined, { fromRequest: 3 })]);
    expect(await failureOf(download(verb, hiding.url, { concurrency: 1 }))).toBeInstanceOf(ProtocolError);
  });

  it('an object that was rewritten with the same content and ETag is the same (T058)', async () => {
    const etag = '"same"';
    const server = await serve(ramp(SIZE), [changeObjectAfter({ requests: 2, object: ramp(SIZE), etag })], { etag });
    expectRamp((await download(verb, server.url)).bytes);
  });

  it('a cut body is continued only on the same version', async () => {
    for (const fault of [cut({ part: 0, afterBytes: 50_000 }), chunkedCut({ part: 0, afterBytes: 50_000 })]) {
      const server = await serve(ramp(PART), [fault, changeObjectAfter({ requests: 1 })]);
      expect(await failureOf(download(verb, server.url))).toBeInstanceOf(ObjectChangedError);
    }
  });

  it('an object that grows or shrinks is a changed one (T061, T062)', async () => {
    for (const size of [SIZE + 5000, 3 * PART, 10, 0]) {
      const server = await serve(ramp(SIZE), [changeObjectAfter({ requests: 2, object: ramp(size) })]);
      const error = await failureOf(download(verb, server.url, { concurrency: 1 }));
      expect(error).toBeInstanceOf(ObjectChangedError);
    }
  });

  it('an object that grows or shrinks under the same ETag is found out by its size (T061, T062)', async () => {
    for (const size of [SIZE + 5000, 3 * PART]) {
      const etag = '"same"';
      const server = await serve(ramp(SIZE), [changeObjectAfter({ requests: 2, object: ramp(size), etag })], { etag });
      expect(await failureOf(download(verb, server.url, { concurrency: 1 }))).toBeInstanceOf(ObjectChangedError);
    }
  });

  it('an object that was removed is not found (T060)', async () => {
    const server = await serve(ramp(SIZE), [removeObjectAfter({ requests: 2 })]);
    expect(await failureOf(download(verb, server.url, { concurrency: 1 }))).toBeInstanceOf(NotFoundError);
  });

  it('edges that do not agree about the ETag end it, without a loop (T066)', async () => {
    const server = await serve(ramp(SIZE), [weakEtagAlternating()]);
    expect(await failureOf(download(verb, server.url))).toBeInstanceOf(ObjectChangedError);
    expect(server.requests.length).toBeLessThanOrEqual(6);
  });

  it('the ETag of a multipart upload is no checksum (T064)', async () => {
    const etag = '"9b2cf535f27731c974343645a3985328-57"';
    const server = await serve(ramp(SIZE), [], { etag });
    const { result } = await download(verb, server.url);
    expect(result).toMatchObject({ object: { etag }, verification: { scope: 'none' } });
  });

  it.each(['no ETag', 'a weak ETag'])(
    'an object with %s is fetched by one plain GET (T054): without a strong ETag, bytes of two responses are never put together unless the caller allows it',
    async (kind) => {
      const server = await serve(ramp(SIZE), [], kind === 'no ETag' ? { noEtag: true } : { weakEtag: true });
      const { bytes, result } = await download(verb, server.url);
      expectRamp(bytes);
      expect(bytes.length).toBe(SIZE);
      // The first ranged GET told it.
      expect(server.requests.map(({ headers }) => headers.range)).toEqual([`bytes=0-${PART - 1}`, undefined]);
      // What came of the first answer before it was left counts, too.
      expect(result.transferredBytes).toBeGreaterThanOrEqual(SIZE);
      expect(result.transferredBytes).toBeLessThanOrEqual(SIZE + PART);
    },
  );

  it('a small object without an ETag takes one request all the same', async () => {
    const server = await serve(ramp(PART), [], { noEtag: true });
    expectRamp((await download(verb, server.url)).bytes);
    expect(server.requests).toHaveLength(1);
  });

  it('an object without an ETag is fetched in parallel where the caller allows it, bound to Last-Modified (T054)', async () => {
    const server = await serve(ramp(SIZE), [], { noEtag: true });
    expectRamp((await download(verb, server.url, { allowUnvalidated: true })).bytes);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
    const changing = await serve(ramp(SIZE), [changeObjectAfter({ requests: 2 })], { noEtag: true });
    const options = { allowUnvalidated: true, concurrency: 1 };
    expect(await failureOf(download(verb, changing.url, options))).toBeInstanceOf(ObjectChangedError);
  });

  it('without a strong ETag, a continued body is used only behind the very bytes that came before', async () => {
    const faults = [cut({ request: 2, afterBytes: 2 * PART + 17 })];
    const same = await serve(ramp(SIZE), faults, { weakEtag: true });
    expectRamp((await download(verb, same.url)).bytes);
    expect(same.requests).toHaveLength(3);
    // Nothing but the bytes tells that it is another object.
    const silent = [header('Last-Modified', undefined), changeObjectAfter({ requests: 2 })];
    const other = await serve(ramp(SIZE), [...faults, ...silent], { noEtag: true });
    const error = await failureOf(download(verb, other.url));
    expect(other.requests).toHaveLength(3);
    expect(error).toBeInstanceOf(ObjectChangedError);
  });
});

describe('downloadFile', () => {
  it("starts again on the new version with onObjectChanged: 'restart', and asks no more for the old one", async () => {
    const server = await serve(ramp(SIZE), [
      changeObjectAfter({ requests: 3, object: ramp(8 * PART, 100), etag: '"new"' }),
    ]);
    const { bytes, result, of } = await download('downloadFile', server.url, { onObjectChanged: 'restart' });
    expect(bytes.length).toBe(8 * PART);
    expectRamp(bytes, 0, 100);
    expect(result.object).toMatchObject({ etag: '"new"', size: 8 * PART });
    expect(of('objectChanged')).toHaveLength(1);
    const firstNew = server.requests.findIndex(({ headers }, index) => index > 0 && headers['if-match'] === undefined);
    const later = server.requests.slice(firstNew + 1).map(({ headers }) => headers['if-match']);
    expect(new Set(later)).toEqual(new Set(['"new"']));
  });

  it("gives up with onObjectChanged: 'restart' when the object never rests", async () => {
    let version = 0;
    const server = await serve(ramp(SIZE), [
      {
        name: 'restless',
        when: {},
        usualTimes: Number.POSITIVE_INFINITY,
        prepare: (exchange) => {
          version += 1;
          exchange.replaceObject({ etag: `"v${version}"` });
        },
      },
    ]);
    const error = await failureOf(download('downloadFile', server.url, { onObjectChanged: 'restart' }));
    expect(error).toBeInstanceOf(ObjectChangedError);
    expect(server.requests.length).toBeLessThan(60);
  });

  it('takes an ETag that changed while the bytes stayed for a change', async () => {
    const server = await serve(ramp(SIZE), [changeEtagAfter({ requests: 2 })]);
    expect(await failureOf(download('downloadFile', server.url))).toBeInstanceOf(ObjectChangedError);
  });
});
