import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createDownloadEvents,
  createDownloadStream,
  createPresignedUrl,
  downloadFile,
  http,
  type ObjectSource,
  obs,
  s3,
} from '../../src/index.js';
import { badContentLength, contentEncoding, redirect, status, wrongContentRange } from '../fixtures/answer-faults.js';
import { cutHeaders, reset, stallHeaders } from '../fixtures/connection-faults.js';
import type { Fault } from '../fixtures/fault.js';
import { type ObsServer, obsServer } from '../fixtures/obs-server.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { openDirectory } from './suite.js';

const ACCESS_KEY = 'AKCANARYCANARYCANARY';
const SECRET_KEY = 'SKcanary0Secret1Key2Never3Shown4Anywhere5';
const TOKEN = 'TOKENcanaryTemporarySecurityToken==';
const SSE_C_KEY = Buffer.from('0123456789canarySSECkeyABCDEFGHI');
const HEADER = 'Bearer HEADERcanary.jwt.value';
const COOKIE = 'session=COOKIEcanary';
const QUERY = 'QUERYcanarySignature';
const USER_INFO = 'USERcanary:PASSWORDcanary';

/** Written down one by one, so that none can be forgotten by the code that hides them. */
const SECRETS: readonly string[] = [
  ACCESS_KEY,
  SECRET_KEY,
  TOKEN,
  encodeURIComponent(TOKEN),
  SSE_C_KEY.toString('latin1'),
  SSE_C_KEY.toString('base64'),
  SSE_C_KEY.toString('hex'),
  'HEADERcanary',
  'COOKIEcanary',
  QUERY,
  'PASSWORDcanary',
  'USERcanary',
];

let servers: { store: ObsServer; plain: RangeServer };
let directory: Awaited<ReturnType<typeof openDirectory>>;
let files = 0;
const warnings: Error[] = [];
const onWarning = (warning: Error) => warnings.push(warning);

beforeAll(async () => {
  directory = await openDirectory();
  const store = await obsServer();
  store.createBucket('bucket');
  store.putObject('bucket', 'key', ramp(500_000));
  store.addCredentials({ accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY, securityToken: TOKEN });
  servers = { store, plain: await rangeServer(ramp(500_000)) };
});
afterAll(async () => {
  await servers.store.close();
  await servers.plain.close();
  await directory.remove();
});
beforeEach(() => {
  process.on('warning', onWarning);
});
afterEach(() => {
  process.off('warning', onWarning);
});

const credentials = { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY, securityToken: TOKEN };
const place = () => ({ endpoint: servers.store.endpoint, bucket: 'bucket', key: 'key', addressing: 'path' }) as const;
const sseC = { key: new Uint8Array(SSE_C_KEY) };

const SOURCES: Readonly<Record<string, () => ObjectSource | string>> = {
  'obs, header signature': () => obs({ ...place(), credentials, sseC }),
  'obs v4': () =>
    obs({ ...place(), credentials, signature: 'v4', region: 'r', sseC, query: { 'x-image-process': QUERY } }),
  's3 v4': () => s3({ ...place(), credentials, sseC }),
  's3 v2': () => s3({ ...place(), credentials, signature: 'v2' }),
  'a provider of credentials': () => obs({ ...place(), credentials: () => credentials }),
  'a provider whose error carries its secrets': () =>
    obs({
      ...place(),
      credentials: () => {
        throw Object.assign(new Error('no login'), { token: TOKEN, request: { headers: { authorization: HEADER } } });
      },
    }),
  'a presigned URL': () => createPresignedUrl({ ...place(), credentials }),
  'a URL with a secret query and headers': () =>
    http(`${servers.plain.url}?signature=${QUERY}&X-Amz-Security-Token=${encodeURIComponent(TOKEN)}`, {
      headers: { authorization: HEADER, cookie: COOKIE, 'x-auth': USER_INFO },
    }),
  'a provider of URLs': () =>
    http(() => `${servers.plain.url}?signature=${QUERY}`, { headers: { authorization: HEADER } }),
};

const always = { times: Number.POSITIVE_INFINITY };
const refusal = `<Error><Code>AccessDenied</Code><Message>you are not allowed</Message></Error>`;
const FAILURES: Readonly<Record<string, () => Fault[]>> = {
  'no failure': () => [],
  'a refusal (403)': () => [status(403, { ...always, body: refusal, contentType: 'application/xml' })],
  'an object that is not there (404)': () => [status(404, { ...always, code: 'NoSuchKey' })],
  'a failing store (500)': () => [status(500, always)],
  'a cut connection': () => [reset({ ...always, afterBytes: 1000, part: 1 })],
  'a cut head': () => [cutHeaders({ ...always, afterBytes: 40 })],
  'a silent server': () => [stallHeaders(always)],
  'a lying Content-Range': () => [wrongContentRange('bytes 7-8/9')],
  'a lying Content-Length': () => [badContentLength({ delta: 1 })],
  'an encoded body': () => [contentEncoding('br')],
  'a redirect into a private network': () => [redirect({ to: `http://169.254.169.254/?signature=${QUERY}` })],
  'a redirect with user info': () => [redirect({ to: `http://${USER_INFO}@example.com/` })],
};

/** Everything that a host program could print of a value. */
function faces(value: unknown, depth = 0): string[] {
  const shown = [String(value), inspect(value, { depth: 12, showHidden: true, getters: true })];
  try {
    shown.push(JSON.stringify(value) ?? '');
  } catch {
    // A cycle: JSON shows nothing of it.
  }
  if (value instanceof Error) {
    shown.push(value.message, value.stack ?? '', JSON.stringify(Object.getOwnPropertyDescriptors(value)) ?? '');
    if (depth < 8 && value.cause !== undefined) shown.push(...faces(value.cause, depth + 1));
  }
  return shown;
}

/** Contents and names of every file below a directory. */
async function written(path: string): Promise<string[]> {
  const texts: string[] = [];
  for (const name of await readdir(path, { recursive: true })) {
    texts.push(name);
    const file = join(path, name);
    if ((await stat(file)).isFile()) texts.push((await readFile(file)).toString('latin1'));
  }
  return texts;
}

function expectNoSecret(texts: readonly string[], where: string): void {
  for (const text of texts) {
    for (const secret of SECRETS) {
      if (text.includes(secret)) throw new Error(`${where} holds ${secret}: ${text.slice(0, 2000)}`);
    }
  }
}

describe.each(Object.keys(SOURCES))('secrets of %s', (sourceName) => {
  it.each(Object.keys(FAILURES))('are nowhere to be seen after %s', async (failureName) => {
    const faults = FAILURES[failureName]?.() ?? [];
    for (const server of Object.values(servers)) server.setFaults(faults);
    const source = SOURCES[sourceName]?.() ?? '';
    files += 1;
    const folder = join(directory.path, String(files));
    const options = {
      ...{ partSize: 102_400, concurrency: 2, retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 } },
      ...{ timeouts: { headersMs: 60, stallMs: 60, connectMs: 500 } },
    };
    const seen: string[] = [];
    const watched = () => {
      const events = createDownloadEvents();
      events.on('*', (name, payload) => seen.push(name, ...faces(payload)));
      // A listener that throws becomes a warning of the process.
      events.once('planned', () => {
        throw new Error('a listener threw');
      });
      return events;
    };
    const ofFile = downloadFile(source, join(folder, 'file'), { ...options, events: watched() });
    seen.push(...faces(await ofFile.catch((error: unknown) => error)));
    const stream = createDownloadStream(source, { ...options, events: watched(), spool: join(folder, 'spool') });
    seen.push(...faces(stream), ...faces(await stream.toArray().catch((error: unknown) => error)));
    seen.push(...faces(await stream.result.catch((error: unknown) => error)), ...faces(stream));
    if (typeof source !== 'string') seen.push(...faces(source));
    await new Promise((resolve) => setImmediate(resolve));
    expectNoSecret(seen, 'what could be printed');
    expectNoSecret(
      warnings.splice(0).flatMap((warning) => faces(warning)),
      'a warning',
    );
    expectNoSecret(await written(folder), 'a file');
    expect(seen.length).toBeGreaterThan(4);
  });
});

it('secrets given in the wrong place are not repeated by the error that says so', async () => {
  const wrong: (() => unknown)[] = [
    () => obs({ ...place(), credentials: { ...credentials, secretAccessKey: `${SECRET_KEY} \n` } }),
    () => obs({ ...place(), credentials: { ...credentials, secretKey: SECRET_KEY } as never }),
    () => obs({ ...place(), credentials: SECRET_KEY as never }),
    () => obs({ ...place(), credentials, sseC: { key: SSE_C_KEY.toString('base64') as never } }),
    () => obs({ ...place(), credentials, sseC: { key: SSE_C_KEY.subarray(1) } }),
    () => http(`ftp://${USER_INFO}@example.com/?signature=${QUERY}`),
    () => http(`https://${USER_INFO}@example.com/?signature=${QUERY}`),
    () => http(servers.plain.url, { headers: { authorization: `${HEADER}\r\nx: y` } }),
    () => http(servers.plain.url, { headers: { authorization: [HEADER] as never } }),
    () => http(servers.plain.url, { headers: HEADER as never }),
  ];
  for (const make of wrong) {
    let error: unknown;
    try {
      error = make();
    } catch (thrown) {
      error = thrown;
    }
    expectNoSecret(faces(error), 'an error about an option');
  }
});
