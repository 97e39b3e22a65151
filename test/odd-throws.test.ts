/** Code of the caller may throw anything, also what cannot be made a string: that must not end the process. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDownloadEvents, http, obs } from '../src/index.js';
import { ObsClient } from '../src/obs-client.js';
import { ramp } from './fixtures/ramp.js';
import { download, failureOf, PART, serve, VERBS } from './pipeline/download-bench.js';

const ODD: readonly [what: string, thrown: unknown][] = [
  ['an object without a prototype', Object.create(null)],
  [
    'an object whose toString throws',
    {
      toString() {
        throw new Error('no text');
      },
    },
  ],
  ['a symbol', Symbol('odd')],
  ['nothing', undefined],
];

let warnings: string[];
const onWarning = ({ name }: Error) => void warnings.push(name);

beforeEach(() => {
  warnings = [];
  process.on('warning', onWarning);
});
afterEach(() => void process.off('warning', onWarning));

describe.each(ODD)('%s', (_what, thrown) => {
  const fail = () => {
    throw thrown;
  };

  it.each(VERBS)('that a listener of %s throws, or rejects with, becomes a process warning', async (verb) => {
    const server = await serve(ramp(PART));
    const events = createDownloadEvents();
    events.once('discovered', fail);
    events.once('completed', (async () => fail()) as () => void);
    const { bytes } = await download(verb, server.url, { events });
    expect(bytes.length).toBe(PART);
    await expect.poll(() => warnings).toEqual(Array(2).fill('DownloadListenerWarning'));
  });

  it('that a callback of the drop-in throws becomes a process warning', async () => {
    const client = new ObsClient({ server: 'obs.example.com' });
    client.close();
    client.downloadFile({ Bucket: 'data', Key: 'key' }, fail);
    await expect.poll(() => warnings).toEqual(['ObsClientCallbackWarning']);
  });

  it('that a provider throws is an AccessDeniedError like any other', async () => {
    const place = { endpoint: 'http://127.0.0.1:9', bucket: 'data', key: 'key' };
    for (const source of [http(fail), obs({ ...place, credentials: fail })]) {
      expect(await failureOf(download('downloadFile', source))).toMatchObject({ code: 'PS_ERR_ACCESS_DENIED' });
    }
  });
});
