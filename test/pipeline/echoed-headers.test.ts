import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  createDownloadStream,
  discoverObject,
  downloadFile,
  http,
  type ObjectSource,
  obs,
  s3,
} from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { failureOf, freshPath, PART, recorder } from './download-bench.js';
import { type Asked, answering, head, trueAnswer } from './raw-answers.js';

const OBJECT = ramp(2 * PART);
const DATA = OBJECT.slice();

const SIGNATURE = 'qUeRySiGnAtUrE/0123456789+abcdef=';
const BEARER = 'bEaReRtOkEn.0123456789';
const COOKIE = 'sEsSiOnCoOkIe0123456789';
const OWN = 'oWnHeAdErSeCrEt+0123456789';
const SECURITY_TOKEN = 'sEcUrItYtOkEn/0123456789abcdefghijkl+mnop==';
const SSE_KEY = Buffer.from('0123456789abcdef0123456789abcdef');
const NEEDLES = [SIGNATURE, BEARER, COOKIE, OWN, SECURITY_TOKEN, SSE_KEY.toString('base64')].map((secret) =>
  secret.slice(0, 12),
);

const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK', securityToken: SECURITY_TOKEN };
const headers = { authorization: `Bearer ${BEARER}`, cookie: `a=b; session=${COOKIE}`, 'x-mine': OWN };
const SOURCES: [string, (port: number) => ObjectSource][] = [
  ...['X-Amz-Signature', 'sig', 'X-Sig', 'token'].map((name): [string, (port: number) => ObjectSource] => [
    `http() signed by ${name}`,
    (port) => http(`http://127.0.0.1:${port}/o?a=b&${name}=${encodeURIComponent(SIGNATURE)}`, { headers }),
  ]),
  [
    'http() by a provider',
    (port) =>
      http(async () => `http://127.0.0.1:${port}/o?X-Amz-Signature=${encodeURIComponent(SIGNATURE)}&a=b`, { headers }),
  ],
  [
    'obs()',
    (port) =>
      obs({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials, sseC: { key: SSE_KEY } }),
  ],
  [
    's3()',
    (port) =>
      s3({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials, sseC: { key: SSE_KEY } }),
  ],
];

/** What debug proxies and gateways send along. */
function echoes({ path, header }: Asked): string[] {
  const sent = ['authorization', 'cookie', 'x-mine', 'x-obs-security-token', 'x-amz-security-token'];
  const keys = ['obs', 'amz'].map((prefix) => `x-${prefix}-server-side-encryption-customer-key`);
  return [
    `Content-Location: ${path}`,
    `Link: <${path}>; rel=self`,
    `X-Query: ${path.split('?')[1]}`,
    ...(path.split('?')[1] ?? '').split('&').map((pair, index) => `X-Value-${index}: ${pair.replace(/^.*?=/, '')}`),
    `X-Decoded: ${decodeURIComponent(path)}`,
    `x-obs-meta-echo: ${path}`,
    `X-Echo: ${[...sent, ...keys].map((name) => `${name}: ${header(name)}`).join('; ')}`,
    ...sent.map((name, index) => `X-Echo-${index}: ${header(name)?.replace(/^\w+ /, '')}`),
  ];
}

const seen = (value: unknown): string => `${inspect(value, { depth: 30, showHidden: true })} ${JSON.stringify(value)}`;

/** A server of the object that echoes; it never finishes where `isStuck`. */
const echoing = (isStuck = false) =>
  answering((asked, socket) => {
    const answer = trueAnswer(asked, DATA, 'ETag: "e1"', ...echoes(asked));
    socket.write(isStuck ? answer.subarray(0, answer.length - 10) : answer);
  });

describe.each(SOURCES)('the headers of an answer that echoes the request of %s', (_source, sourceAt) => {
  it('show nothing secret in the object, the events and the result', async () => {
    const { port, requests } = await echoing();
    const source = sourceAt(port);
    const { events, all } = recorder();
    const result = await downloadFile(source, freshPath(), { partSize: PART, events });
    const object = await discoverObject(source);
    const signatures = requests.map(
      (text) => /\r\nauthorization: (?:OBS \w+:|.*Signature=)?([^\r]*)/i.exec(text)?.[1] ?? '',
    );
    expect(all.some(({ name }) => name === 'discovered')).toBe(true);
    expect(Object.keys(object.headers)).toEqual(expect.arrayContaining(['content-location', 'link', 'x-echo']));
    for (const text of [result, object, ...all.map(({ payload }) => payload)].map(seen)) {
      for (const needle of [...NEEDLES, ...signatures]) expect(text).not.toContain(needle);
    }
  });

  it('show nothing secret in a stream that is looked at', async () => {
    const { port } = await echoing(true);
    const stream = createDownloadStream(sourceAt(port), { partSize: PART });
    stream.on('error', () => {});
    await stream.object;
    const running = seen(stream.events) + inspect(stream, { depth: 30, showHidden: true });
    stream.destroy(new Error('enough'));
    await failureOf(stream.result);
    const ended = inspect(stream, { depth: 30, showHidden: true });
    for (const needle of NEEDLES) for (const text of [running, ended]) expect(text).not.toContain(needle);
  });
});

describe('the headers of an answer', () => {
  it('keep what ordinary values of the query and the headers say', async () => {
    const version = 'G001117FCE89978B0000401205D5DC9A';
    const { port } = await answering((asked, socket) =>
      socket.write(
        trueAnswer(
          asked,
          DATA,
          'ETag: "e1"',
          `x-obs-version-id: ${version}`,
          'Content-Type: application/x-own-type',
          'Content-Disposition: attachment; filename="holiday-film.bin"',
          'Cache-Control: no-cache',
          'x-obs-meta-colour: dark-red-and-blue',
        ),
      ),
    );
    const query = { 'response-content-type': 'application/x-own-type', attname: 'holiday-film.bin' };
    const object = await discoverObject(
      obs({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials, versionId: version, query }),
    );
    const wanted = {
      versionId: version,
      contentType: 'application/x-own-type',
      metadata: { colour: 'dark-red-and-blue' },
      headers: { 'content-disposition': 'attachment; filename="holiday-film.bin"', 'cache-control': 'no-cache' },
    };
    expect(object).toMatchObject(wanted);
    const url = `http://127.0.0.1:${port}/o?versionId=${version}&response-content-type=application/x-own-type&attname=holiday-film.bin`;
    const own = { 'cache-control': 'no-cache', 'content-type': 'application/x-own-type' };
    expect(await discoverObject(http(url, { headers: own }))).toMatchObject(wanted);
  });

  it('keep an ETag and a checksum that the caller sent, too: they are compared', async () => {
    const checksum = OBJECT.crc64ecma();
    const etag = `"${OBJECT.md5()}"`;
    const { port } = await answering((asked, socket) =>
      socket.write(trueAnswer(asked, DATA, `ETag: ${etag}`, `x-obs-checksum-crc64ecma: ${checksum}`)),
    );
    const source = http(`http://127.0.0.1:${port}/o?${OBJECT.md5()}`, { headers: { 'x-expected': checksum } });
    const result = await downloadFile(source, freshPath(), { verify: 'require' });
    expect(result.verification).toMatchObject({ scope: 'object', algorithm: 'crc64ecma' });
    expect(result.object).toMatchObject({ etag, headers: { etag } });
  });

  it('are not shown by the refusal of a redirect either', async () => {
    const { url } = await answering((asked, socket) =>
      socket.write(head('302 Found', `Location: ftp://h${asked.path.replace('?', '/')}`, 'Content-Length: 0')),
    );
    const error = await failureOf(discoverObject(`${url}?a=b&X-Amz-Signature=${SIGNATURE}`));
    expect(error).toMatchObject({ code: 'PS_ERR_REDIRECT' });
    expect(seen(error)).not.toContain(SIGNATURE.slice(0, 12));
  });

  it('show no secret of a URL that the server itself redirected to', async () => {
    const store = await echoing();
    const front = await answering((_asked, socket) =>
      socket.write(
        head(
          '302 Found',
          `Location: http://127.0.0.1:${store.port}/o?X-Amz-Signature=${SIGNATURE}`,
          'Content-Length: 0',
        ),
      ),
    );
    expect(seen(await discoverObject(front.url))).not.toContain(SIGNATURE.slice(0, 12));
  });
});
