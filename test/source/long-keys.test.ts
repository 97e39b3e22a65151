import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPresignedUrl, InvalidOptionError, obs, s3 } from '../../src/index.js';
import { type ObsServer, obsServer } from '../fixtures/obs-server.js';
import { download } from '../pipeline/download-bench.js';

let server: ObsServer;
beforeEach(async () => {
  server = await obsServer();
});
afterEach(() => server.close());

const place = () => ({ endpoint: server.endpoint, bucket: 'data', credentials: server.credentials });

describe('a key of 1024 characters', () => {
  it.each(['k', 'é', '中', '\u{1f600}'])('is downloaded, however many bytes they are: %s', async (character) => {
    const key = character.repeat(1024);
    server.putObject('data', key, 'the object');
    const signatures = [obs({ ...place(), key }), obs({ ...place(), key, signature: 'v4', region: 'r' })];
    for (const source of [...signatures, createPresignedUrl({ ...place(), key })]) {
      const { bytes } = await download('createDownloadStream', source);
      expect(bytes.toString()).toBe('the object');
    }
  });

  it('is the longest one', () => {
    for (const character of ['k', '中', '\u{1f600}']) {
      expect(() => obs({ ...place(), key: character.repeat(1025) })).toThrow(InvalidOptionError);
      expect(() => s3({ ...place(), key: character.repeat(1025) })).toThrow(/1 to 1024 characters/);
    }
    expect(() => obs({ ...place(), key: '' })).toThrow(InvalidOptionError);
  });
});
