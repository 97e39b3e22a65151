import { describe, expect, it } from 'vitest';
import { http, type ObjectSource, obs, s3 } from '../../src/index.js';
import { obsServer } from '../fixtures/obs-server.js';
import { ramp } from '../fixtures/ramp.js';
import { closeLater, download, failureOf, PART } from './download-bench.js';
import { answering, trueAnswer } from './raw-answers.js';

const DATA = ramp(3 * PART + 1).slice();
const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const STORES: [string, (port: number) => ObjectSource][] = [
  ['obs()', (port) => obs({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials })],
  ['s3()', (port) => s3({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials })],
];
const ENCODINGS = [
  'gzip',
  'aws-chunked,gzip',
  'gzip, br',
  '',
  'UTF_8',
  'a/b',
  'identity',
  'one-very-long-word-of-its-own',
];

/** Echoes the header on every answer, as a store does with what was stored. */
const echoing = (...encodings: string[]) =>
  answering((asked, socket) => {
    const lines = encodings.map((encoding) => `Content-Encoding: ${encoding}`);
    socket.write(trueAnswer(asked, DATA, 'ETag: "e1"', ...lines));
  });

describe.each(STORES)('%s', (_store, sourceAt) => {
  it.each(ENCODINGS)('brings an object as it was stored with Content-Encoding %j', async (encoding) => {
    const { port } = await echoing(encoding);
    const { bytes, result } = await download('downloadFile', sourceAt(port));
    expect(bytes.equals(DATA)).toBe(true);
    expect(result.object.headers['content-encoding']).toBe(encoding);
  });

  it('brings one that has the header twice', async () => {
    const { port } = await echoing('aws-chunked', 'gzip');
    const { bytes, result } = await download('downloadFile', sourceAt(port));
    expect(bytes.equals(DATA)).toBe(true);
    expect(result.object.headers['content-encoding']).toBe('aws-chunked, gzip');
  });

  it('refuses an encoding that only a later answer has', async () => {
    const { port } = await answering((asked, socket) =>
      socket.write(
        trueAnswer(asked, DATA, 'ETag: "e1"', `Content-Encoding: ${asked.number === 1 ? 'br' : 'gzip, br'}`),
      ),
    );
    expect(await failureOf(download('downloadFile', sourceAt(port)))).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
  });
});

describe('http()', () => {
  it.each(['', 'identity', 'identity, identity'])('takes Content-Encoding %j for none', async (encoding) => {
    const { url } = await echoing(encoding);
    const { bytes } = await download('downloadFile', http(url));
    expect(bytes.equals(DATA)).toBe(true);
  });

  it.each(['gzip', 'aws-chunked,gzip', 'identity, gzip', 'UTF_8'])('refuses Content-Encoding %j', async (encoding) => {
    const { url } = await echoing(encoding);
    expect(await failureOf(download('downloadFile', http(url)))).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
  });
});

describe('an OBS server', () => {
  it.each(['aws-chunked,gzip', 'UTF_8'])('that checks signatures: stored %s', async (encoding) => {
    const server = closeLater(await obsServer());
    server.createBucket('films');
    server.putObject('films', 'k', DATA, { headers: { 'Content-Encoding': encoding } });
    const source = obs({ endpoint: server.endpoint, bucket: 'films', key: 'k', credentials: server.credentials });
    const { bytes, result } = await download('downloadFile', source);
    expect(bytes.equals(DATA)).toBe(true);
    expect(result.verification.scope).toBe('object');
  });
});
