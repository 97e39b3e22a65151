/** What getObjectMetadata puts into headers of its own is looked at before any request. */

import { expect, it } from 'vitest';
import ObsClient from '../../src/obs-client.js';

it.each([
  ['Origin', 'https://a.example\r\nx-injected: 1'],
  ['Origin', 'https://a.example/\ud800'],
  ['RequestHeader', 'x-one\nx-two'],
])('a %s that is no header value is an InvalidArgument: %j', async (name, value) => {
  const client = new ObsClient({ server: 'http://127.0.0.1:9' });
  const failure = client.getObjectMetadata({ Bucket: 'bucket', Key: 'key', [name]: value });
  await expect(failure).rejects.toMatchObject({ code: 'InvalidArgument', message: expect.stringContaining(name) });
});
