import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import ObsClient from '../../src/obs-client.js';
import { ramp } from '../fixtures/ramp.js';
import { rangeServer } from '../fixtures/range-server.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'partstream-prefix-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('a server on an IP address, whose requests are signed with v2', () => {
  it.each(['x-obs-', 'x-amz-'])('has its %s headers read', async (prefix) => {
    const headers = {
      [`${prefix}request-id`]: '0123456789ABCDEF',
      [`${prefix}id-2`]: 'second',
      [`${prefix}meta-colour`]: 'blue',
      [`${prefix}version-id`]: 'G001',
    };
    const server = await rangeServer(ramp(1000), [], { headers });
    const client = new ObsClient({
      access_key_id: 'AK',
      secret_access_key: 'SK',
      server: `http://127.0.0.1:${server.port}`,
    });
    const named = { Bucket: 'data', Key: 'object' };
    const downloaded = await client.downloadFile({ ...named, DownloadFile: join(directory, 'out.bin') });
    const looked = await client.getObjectMetadata(named);
    for (const { CommonMsg, InterfaceResult } of [downloaded, looked]) {
      expect(InterfaceResult).toMatchObject({
        Metadata: { colour: 'blue' },
        RequestId: '0123456789ABCDEF',
        Id2: 'second',
        VersionId: 'G001',
      });
      expect(CommonMsg).toMatchObject({ Status: 200, RequestId: '0123456789ABCDEF' });
    }
    expect(server.requests.map(({ headers: sent }) => sent.authorization?.slice(0, 4))).toEqual(['AWS ', 'AWS ']);
    await server.close();
  });
});
