import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { downloadFile } from '../../src/index.js';
import { header, status } from '../fixtures/answer-faults.js';
import { bytesObject } from '../fixtures/ramp.js';
import { download, freshPath, QUICK, serve, VERBS } from './download-bench.js';

const TEXT = 'this object is not empty at all';
/** Some servers say so of any range when they do not do ranges; and of none does it tell the size. */
const NO_RANGES = status(416, { part: 0, times: 99 });
const HEAD_REFUSED = status(405, { method: 'HEAD', times: 99 });
const HEAD_WITHOUT_LENGTH = header('Transfer-Encoding', 'chunked', { method: 'HEAD' });

describe.each([
  ['HEAD is refused', [NO_RANGES, HEAD_REFUSED], {}],
  ['HEAD is refused and no answer has a length', [NO_RANGES, HEAD_REFUSED], { noContentLength: true }],
  ['no answer has a length', [NO_RANGES, HEAD_WITHOUT_LENGTH], { noContentLength: true }],
])('an object whose ranges are called unsatisfiable, where %s', (_where, faults, options) => {
  it.each(VERBS)('by %s: an object is taken for empty only when the server says so', async (verb) => {
    const server = await serve(bytesObject(TEXT), faults, options);
    const { bytes, result } = await download(verb, server.url);
    expect(bytes.toString()).toBe(TEXT);
    expect(result).toMatchObject({ object: { size: TEXT.length }, range: { start: 0, end: TEXT.length } });
  });

  it('replaces the file that was there by its own bytes, not by none', async () => {
    const server = await serve(bytesObject(TEXT), faults, options);
    const path = freshPath();
    await writeFile(path, 'the old file');
    await downloadFile(server.url, path, QUICK);
    expect(await readFile(path, 'utf8')).toBe(TEXT);
  });
});

describe.each(VERBS)('%s of a truly empty object whose 416 does not tell its size', (verb) => {
  it.each([
    ['HEAD tells that', [NO_RANGES]],
    ['HEAD is refused and a plain GET tells that', [NO_RANGES, HEAD_REFUSED]],
  ])('gives no bytes where %s', async (_where, faults) => {
    // A range that starts at its end is of no part.
    const server = await serve(bytesObject(''), faults);
    const { bytes, result } = await download(verb, server.url);
    expect(bytes).toHaveLength(0);
    expect(result).toMatchObject({ object: { size: 0 }, range: { start: 0, end: 0 } });
  });
});
