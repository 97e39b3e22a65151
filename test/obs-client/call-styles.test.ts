import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import ObsClient, {
  type DownloadFileParam,
  type ObsCallback,
  ObsClientError,
  type ObsRefusal,
  type ObsResult,
} from '../../src/obs-client.js';

const param: DownloadFileParam = { Bucket: 'data', Key: 'key' };

/** Every call fails at once, and without a request. */
function closedClient(): ObsClient {
  const client = new ObsClient({ server: 'obs.example.com' });
  client.close();
  return client;
}

/** As a program of one's own wraps it; what is checked here is that it compiles. */
function downloadFor(client: ObsClient, callback?: ObsCallback<ObsResult>): Promise<ObsResult> | undefined {
  return client.downloadFile(param, callback);
}

function lookFor(
  client: ObsClient,
  callback: ObsCallback<ObsResult | ObsRefusal> | undefined,
): Promise<ObsResult | ObsRefusal> | undefined {
  return client.getObjectMetadata({ Key: 'key' }, callback);
}

describe('the call styles, in types', () => {
  it('allow a callback that may be undefined', async () => {
    const client = closedClient();
    await expect(downloadFor(client)).rejects.toThrow(ObsClientError);
    await expect(lookFor(client, undefined)).rejects.toThrow(ObsClientError);
    const errors = await Promise.all([
      new Promise((resolve) => expect(downloadFor(client, resolve)).toBeUndefined()),
      new Promise((resolve) => expect(lookFor(client, resolve)).toBeUndefined()),
    ]);
    expect(errors.map(String)).toEqual(Array(2).fill('ClientClosed:the client was closed'));
  });

  it('are a promise without a callback, nothing with one, and a promise once promisified', async () => {
    const client = closedClient();
    const promised: Promise<ObsResult> = client.downloadFile(param, undefined);
    // It would not compile if this were a promise that nobody waits for.
    const nothing: ReturnType<ObsClient['close']> = client.downloadFile(param, () => {});
    const promisified: Promise<ObsResult> = promisify(client.downloadFile.bind(client))(param);
    expect(nothing).toBeUndefined();
    await expect(promised).rejects.toThrow('ClientClosed');
    await expect(promisified).rejects.toThrow('ClientClosed');
  });
});
