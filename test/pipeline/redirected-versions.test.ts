import { expect, it } from 'vitest';
import { obs } from '../../src/index.js';
import { redirect } from '../fixtures/answer-faults.js';
import { obsServer } from '../fixtures/obs-server.js';
import { closeLater, download, VERBS } from './download-bench.js';

const KEY = 'dir/a b.bin';

/** A store that sends the first request back to itself, by a Location of that form. */
async function redirecting(location: (port: number) => string) {
  const server = closeLater(await obsServer());
  const { versionId } = server.putObject('data', KEY, 'the first', { versioned: true });
  server.putObject('data', KEY, 'the second');
  server.setFaults([redirect({ request: 1, to: location(server.port), status: 307 })]);
  const { endpoint, credentials } = server;
  return { server, versionId, source: { endpoint, bucket: 'data', key: KEY, credentials } };
}

it.each(
  VERBS.flatMap((verb) =>
    [
      '/data/dir/a%20b.bin',
      '/data/dir%2fa%20b%2Ebin',
      '/data/dir/a%20b.bin?rk=0123',
      'http://127.0.0.1:PORT/data/dir/a%20b.bin?',
      'http://127.0.0.1:PORT/',
    ].map((location) => [verb, location] as const),
  ),
)('a redirect to the same object never turns one version of it into another: %s, %s', async (verb, location) => {
  const { server, versionId, source } = await redirecting((port) => location.replace('PORT', String(port)));
  const { bytes, result } = await download(verb, obs({ ...source, versionId }));
  expect(bytes.toString()).toBe('the first');
  expect(result.object.versionId).toBe(versionId);
  expect(server.requests).toHaveLength(2);
});

it('a Location that names a version is believed, and so is one that names another object', async () => {
  const named = await redirecting(() => '/data/dir/a%20b.bin?versionId=VERSION');
  named.server.setFaults([
    redirect({ request: 1, to: `/data/dir/a%20b.bin?versionId=${named.versionId}`, status: 307 }),
  ]);
  const { bytes } = await download('downloadFile', obs({ ...named.source, versionId: 'x'.repeat(32) }));
  expect(bytes.toString()).toBe('the first');

  const other = await redirecting(() => '/data/other');
  other.server.putObject('data', 'other', 'another');
  const { bytes: moved } = await download('downloadFile', obs({ ...other.source, versionId: other.versionId }));
  expect(moved.toString()).toBe('another');
});
