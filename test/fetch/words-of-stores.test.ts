import { describe, expect, it } from 'vitest';
import { createPresignedUrl, discoverObject, http, type ObjectSource, obs, s3 } from '../../src/index.js';
import { errorXml } from '../fixtures/error-xml.js';
import { failureOf } from '../pipeline/download-bench.js';
import { answering, head } from '../pipeline/raw-answers.js';

const TOKEN = 'sEcUrItYtOkEn/0123456789abcdef+ghijkl==';
const CODES = [
  ...[
    'InvalidEncryptionAlgorithmError',
    'XAmzContentChecksumMismatch',
    'ServerSideEncryptionConfigurationNotFoundError',
  ],
  ...['InvalidSecurity', 'AuthorizationQueryParametersError', 'SignatureDoesNotMatch', 'RequestHeaderSectionTooLarge'],
];
const MESSAGE =
  'The encryption algorithm of the customer is invalid, or the security token, the checksum mode, the credential.';

const SOURCES: Readonly<Record<string, (place: Place) => ObjectSource>> = {
  's3() with v4': (place) => s3({ ...place, sseC: { key: new Uint8Array(32) }, requesterPays: true }),
  'obs() with v4': (place) => obs({ ...place, sseC: { key: new Uint8Array(32) }, signature: 'v4', region: 'r' }),
  'obs()': (place) => obs({ ...place, sseC: { key: new Uint8Array(32) }, requesterPays: true }),
  'a URL signed with v4': (place) => http(createPresignedUrl({ ...place, signature: 'v4', region: 'r' })),
  'a URL': (place) => http(createPresignedUrl(place)),
};

interface Place {
  readonly endpoint: string;
  readonly bucket: string;
  readonly key: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string; securityToken: string };
}

describe.each(Object.entries(SOURCES))('what a store says about a request of %s', (_name, sourceAt) => {
  it('keeps its words, though they are names of headers and parameters of the request', async () => {
    for (const code of CODES) {
      const { port } = await answering((asked, socket) => {
        const said = `${MESSAGE} You sent ${asked.path} and ${asked.header('authorization')}`;
        const body = errorXml({ Code: code, Message: said.replaceAll('&', '&amp;') });
        const lines = ['Content-Type: application/xml', `Content-Length: ${Buffer.byteLength(body)}`];
        socket.write(`${head('400 No', ...lines)}${body}`);
        const [, own, ofObs] = /ignature=([^&]+)|:(\S+)$/.exec(asked.header('authorization') ?? asked.path) ?? [];
        signatures.push(own ?? ofObs ?? 'no signature');
      });
      const signatures: string[] = [];
      const credentials = { accessKeyId: 'AKIDEXAMPLE0001', secretAccessKey: 'SK', securityToken: TOKEN };
      const place = { endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials };
      const error = await failureOf(discoverObject(sourceAt(place)));
      expect(signatures.join()).toMatch(/^[\w%+/=-]{28,}$/);
      expect(error).toMatchObject({ storeCode: code, storeMessage: expect.stringContaining(MESSAGE) });
      for (const secret of ['AKIDEXAMPLE0001', TOKEN, TOKEN.slice(0, 12), ...signatures]) {
        expect((error as { storeMessage?: string }).storeMessage).not.toContain(secret);
      }
    }
  });
});
