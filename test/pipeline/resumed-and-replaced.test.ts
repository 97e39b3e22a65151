import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { downloadFile, NotFoundError, ObjectChangedError } from '../../src/index.js';
import { changeObjectAfter, status } from '../fixtures/answer-faults.js';
import { cut } from '../fixtures/connection-faults.js';
import { expectBytesOf, ramp } from '../fixtures/ramp.js';
import { download, failureOf, freshPath, PART, QUICK, recorder, serve, VERBS } from './download-bench.js';

const MIB = 1024 * 1024;
const SIZE = 6 * MIB;
const NEWEST = ramp(8 * MIB, 3);
const OPTIONS = { ...QUICK, partSize: MIB, concurrency: 1, hedge: false, durability: 'none' } as const;

/** A checkpoint of version 1 is left; the first request of the next call sees version 2, and its second version 3. */
async function leftBehind(change: { etag?: string } = {}) {
  const server = await serve(ramp(SIZE, 1), [status(404, { part: 3, times: 99 })], { partSize: MIB });
  const path = freshPath();
  expect(await failureOf(downloadFile(server.url, path, OPTIONS))).toBeInstanceOf(NotFoundError);
  server.replaceObject(ramp(SIZE, 2), change);
  const requests = server.requests.length + 1;
  server.setFaults([changeObjectAfter({ requests, object: NEWEST, ...change })]);
  return { server, path };
}

describe('downloadFile of an object that is replaced twice since its checkpoint', () => {
  it.each([
    ['an ETag of its own', {}],
    ['the same ETag and another size', { etag: '"same"' }],
  ])(
    'fails: what was planned for one version of the object is never filled with the bytes of another: that has %s',
    async (_what, change) => {
      const { server, path } = await leftBehind(change);
      const { events, all } = recorder();
      const error = await failureOf(downloadFile(server.url, path, { ...OPTIONS, events }));
      expect(error).toBeInstanceOf(ObjectChangedError);
      expect(existsSync(path)).toBe(false);
      expect(all.at(-1)).toEqual({ name: 'failed', payload: { error } });
      // The object rests by now.
      await downloadFile(server.url, path, OPTIONS);
      const bytes = await readFile(path);
      expect(bytes.length).toBe(NEWEST.size);
      expectBytesOf(NEWEST, bytes);
    },
  );

  it("starts again with onObjectChanged: 'restart', and gives the newest one", async () => {
    const { server, path } = await leftBehind();
    const result = await downloadFile(server.url, path, { ...OPTIONS, onObjectChanged: 'restart' });
    const bytes = await readFile(path);
    expect(bytes.length).toBe(NEWEST.size);
    expectBytesOf(NEWEST, bytes);
    const { size, fingerprint } = NEWEST;
    expect(result).toMatchObject({ object: { size, etag: `"${fingerprint}"` }, range: { start: 0, end: size } });
  });
});

describe.each(VERBS)('%s of an object without an ETag that shrinks while its one answer is cut', (verb) => {
  it('says that it changed', async () => {
    const server = await serve(
      ramp(PART),
      [cut({ request: 1, afterBytes: 50_000 }), changeObjectAfter({ requests: 1, object: ramp(0) })],
      { noEtag: true },
    );
    expect(await failureOf(download(verb, server.url, QUICK))).toBeInstanceOf(ObjectChangedError);
  });
});
