import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import ObsClient, { type GetObjectMetadataParam } from '../../src/obs-client.js';
import { type ObsServer, obsServer } from '../fixtures/obs-server.js';

let server: ObsServer;

beforeEach(async () => {
  server = await obsServer();
  server.putObject('data', 'object', 'text');
});
afterEach(() => server.close());

class Param {
  readonly #key: string;
  constructor(key: string) {
    this.#key = key;
  }
  get Bucket(): string {
    return 'data';
  }
  get Key(): string {
    return this.#key;
  }
}

describe('getObjectMetadata takes its parameters, as the SDK and downloadFile do, from', () => {
  it.each<[string, GetObjectMetadataParam]>([
    ['getters of a class', new Param('object')],
    ['a prototype', Object.create({ Bucket: 'data', Key: 'object' })],
  ])('%s', async (_what, param) => {
    const { accessKeyId, secretAccessKey } = server.credentials;
    const keys = { access_key_id: accessKeyId, secret_access_key: secretAccessKey };
    const { CommonMsg, InterfaceResult } = await new ObsClient({ ...keys, server: server.endpoint }).getObjectMetadata(
      param,
    );
    expect(CommonMsg.Status).toBe(200);
    expect(InterfaceResult?.ContentLength).toBe('4');
  });
});
