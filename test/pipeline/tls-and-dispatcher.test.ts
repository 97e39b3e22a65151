import { existsSync } from 'node:fs';
import { Agent, type Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { discoverObject, downloadFile, http, type ObjectSource, obs, s3 } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { closeLater, download, failureOf, freshPath, serve, VERBS } from './download-bench.js';

const TLS = { insecure: true };
const STORE = {
  endpoint: 'https://127.0.0.1:9',
  bucket: 'data',
  key: 'object',
  credentials: 'anonymous',
  addressing: 'path',
  tls: TLS,
} as const;
const SOURCES: [string, ObjectSource][] = [
  ['http()', http('https://127.0.0.1:9/object', { tls: TLS })],
  ['obs()', obs(STORE)],
  ['s3()', s3({ ...STORE, tls: { insecure: false } })],
  ['mine', { identity: 'mine', name: 'mine', request: async () => ({ url: 'https://127.0.0.1:9/o', tls: TLS }) }],
];
/** Never connects. */
const UNUSED = {
  dispatch: () => {
    throw new Error('it was used');
  },
} as unknown as Dispatcher;
const REFUSED = { code: 'PS_ERR_INVALID_OPTION', option: 'tls', message: expect.stringContaining('dispatcher') };

describe.each(SOURCES)('%s with tls, beside a dispatcher', (_name, source) => {
  it('certificates are never checked in another way than the source says: refused before any request or file', async () => {
    const path = freshPath();
    expect(await failureOf(downloadFile(source, path, { dispatcher: UNUSED }))).toMatchObject(REFUSED);
    expect(['', '.part', '.part.checkpoint', '.part.lock'].filter((end) => existsSync(path + end))).toEqual([]);
    expect(await failureOf(download('createDownloadStream', source, { dispatcher: UNUSED }))).toMatchObject(REFUSED);
    expect(await failureOf(discoverObject(source, { dispatcher: UNUSED }))).toMatchObject(REFUSED);
  });
});

describe('a source without tls, beside a dispatcher', () => {
  it.each(VERBS)('is downloaded: %s', async (verb) => {
    const server = await serve(ramp(1000));
    const agent = new Agent();
    closeLater({ close: () => agent.destroy() });
    const { bytes } = await download(verb, http(server.url), { dispatcher: agent });
    expect(bytes.equals(ramp(1000).slice())).toBe(true);
  });
});
