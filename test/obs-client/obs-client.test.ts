import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { Agent, type AgentOptions } from 'node:http';
import { globalAgent as secureGlobalAgent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProxyAgent } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AccessDeniedError, NotFoundError } from '../../src/errors.js';
import ObsClient, { type DownloadFileParam, type ObsClientOptions } from '../../src/obs-client.js';
import { removeObjectAfter, status } from '../fixtures/answer-faults.js';
import { selfSignedCertificate } from '../fixtures/certificate.js';
import { latency, slowBody, stall } from '../fixtures/connection-faults.js';
import { type ObsServer, obsServer } from '../fixtures/obs-server.js';
import { expectBytesOf, ramp } from '../fixtures/ramp.js';

const MIB = 1024 * 1024;
const object = ramp(6 * MIB + 11, 2);

let server: ObsServer;
let directory: string;
let file: string;

beforeEach(async () => {
  server = await obsServer();
  server.putObject('data', 'object', object, { lastModified: new Date('2026-01-02T03:04:05Z') });
  directory = await mkdtemp(join(tmpdir(), 'partstream-obs-client-'));
  file = join(directory, 'out.bin');
});

afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

function connect(options: Partial<ObsClientOptions> = {}): ObsClient {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return new ObsClient({
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    server: server.endpoint,
    ...options,
  });
}

const param = (more: Partial<DownloadFileParam> = {}): DownloadFileParam => ({
  Bucket: 'data',
  Key: 'object',
  DownloadFile: file,
  PartSize: MIB,
  TaskNum: 2,
  ...more,
});

const failure = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as Error & Record<string, unknown>,
  );

describe('the constructor', () => {
  const refusal = (options: object) => {
    try {
      new ObsClient(options as ObsClientOptions);
    } catch (error) {
      return String(error);
    }
    return 'accepted';
  };

  it('throws without a server, and for one that is none', () => {
    expect(refusal({})).toBe('InvalidArgument:Server is not set');
    expect(refusal({ server: 'https://user:secret@host' })).toMatch(/^InvalidArgument:server: (?!.*secret)/);
    expect(refusal({ server: '::1' })).toMatch(/^InvalidArgument:server: /);
    expect(refusal({ server: 'https://obs.example.com/any/path', port: 'x' })).toMatch(/^InvalidArgument:port must be/);
  });

  it('accepts every option of the SDK, and ignores those it does not know', () => {
    const all = { is_secure: false, is_signature_negotiation: true, long_conn_param: 5, max_connections: 10 };
    const more = { user_agent: 'x', http_agent: {}, https_agent: false, no_proxy_list: [], verify_host_name: true };
    expect(refusal({ server: 'obs.example.com:8080', ...all, ...more, iam_domain: 'x', anything: 1 })).toBe('accepted');
    expect(refusal({ server: 'obs.example.com', region: null, port: '', timeout: '60', max_retry_count: '3' })).toBe(
      'accepted',
    );
  });

  it('refuses what would silently use other keys, another network or another signature', () => {
    expect(refusal({ server: 'a.com', is_shadow_client: true })).toMatch(/^InvalidArgument:is_shadow_client/);
    expect(refusal({ server: 'a.com', http_agent: new Agent(), https_agent: secureGlobalAgent })).toBe('accepted');
    expect(refusal({ server: 'a.com', signature: 'v4' })).toBe(
      "InvalidArgument:signature 'v4' needs the option region",
    );
    expect(refusal({ server: 'a.com', signature: 'v5' })).toMatch(/^InvalidArgument:signature/);
    expect(refusal({ server: 'a.com', timeout: 0 })).toMatch(/^InvalidArgument:timeout must be a number/);
    expect(refusal({ server: 'a.com', max_retry_count: -1 })).toMatch(/^InvalidArgument:max_retry_count/);
    expect(refusal({ server: 'a.com', dispatcher: {} })).toMatch(/^InvalidArgument:dispatcher: /);
    const dispatcher = { dispatch: () => true };
    expect(refusal({ server: 'a.com', dispatcher, ssl_verify: false })).toMatch(
      /^InvalidArgument:ssl_verify .*dispatcher/,
    );
    expect(refusal({ server: 'a.com', dispatcher, ssl_verify: 'ca.pem' })).toMatch(
      /^InvalidArgument:ssl_verify .*dispatcher/,
    );
    expect(refusal({ server: 'a.com', dispatcher, ssl_verify: true })).toBe('accepted');
  });

  it.each([
    ['the SDK', { proxyUri: 'http://proxy' }],
    ['https-proxy-agent', new (class HttpsProxyAgent {})()],
    ['tunnel', new (class TunnelingAgent {})()],
    ['tunnel, minified', { options: {}, proxyOptions: { host: 'proxy' } }],
    ['caw, minified', { options: { proxy: { host: 'proxy' } } }],
    ['socks-proxy-agent', new (class SocksAgent {})()],
    ['Node 24', new Agent({ proxyEnv: { HTTP_PROXY: 'http://proxy' } } as AgentOptions)],
  ])('refuses a proxy agent as %s has it', (_whose, agent) => {
    expect(refusal({ server: 'a.com', http_agent: agent })).toMatch(/^InvalidArgument:http_agent/);
    expect(refusal({ server: 'a.com', https_agent: agent })).toMatch(/^InvalidArgument:http_agent/);
  });

  it('accepts an agent that has a place for a proxy, and none in it', () => {
    const agent = new Agent({ proxyEnv: undefined } as AgentOptions);
    expect(refusal({ server: 'a.com', http_agent: agent, https_agent: { proxy: null } })).toBe('accepted');
  });

  it('makes a client that can be used in the same tick, with each method under two names', async () => {
    const client = connect();
    const { CommonMsg } = await client.GetObjectMetadata({ Bucket: 'data', Key: 'object' });
    expect(CommonMsg.Status).toBe(200);
    expect((await client.DownloadFile(param())).CommonMsg.Status).toBe(200);
    client.InitLog({ level: 'debug' });
    client.Refresh('a', 'b');
    client.Close();
    expect(Object.keys(client)).toEqual([]);
  });

  it('keeps keys where no inspection shows them', async () => {
    const { inspect } = await import('node:util');
    const shown = inspect(connect(), { depth: 9, showHidden: true });
    expect(shown).not.toContain(server.credentials.secretAccessKey);
    expect(shown).not.toContain(server.credentials.accessKeyId);
  });
});

describe('signatures and places', () => {
  it.each([
    [{ server: 'localhost', is_secure: false, path_style: true }, 'v2'],
    [{ signature: 'v2' }, 'v2'],
    [{ signature: 'V4', region: 'cn-north-4' }, 'v4'],
  ])('%o is signed with %s', async (options, form) => {
    await connect({ port: server.port, ...options }).downloadFile(param());
    expectBytesOf(object, await readFile(file));
    expect([...new Set(server.requests.map((seen) => server.formOf(seen)))]).toEqual([form]);
  });

  it('takes a proxy as a dispatcher', async () => {
    const dispatcher = new ProxyAgent(server.endpoint);
    const closing = vi.spyOn(dispatcher, 'dispatch');
    await failure(connect({ dispatcher, max_retry_count: 0, http_agent: { proxyUri: 'x' } }).downloadFile(param()));
    expect(closing).toHaveBeenCalled();
    await dispatcher.destroy();
  });
});

describe('certificates', () => {
  let tls: ObsServer;
  const certificate = selfSignedCertificate();

  beforeEach(async () => {
    tls = await obsServer({ tls: certificate });
    tls.putObject('data', 'object', object);
  });
  afterEach(() => tls.close());

  const secure = (ssl_verify?: boolean | string) =>
    connect({ server: tls.endpoint, ...(ssl_verify !== undefined && { ssl_verify }) });

  it('are verified unless ssl_verify is false', async () => {
    const error = await failure(secure().downloadFile(param()));
    expect(String(error)).toMatch(/^GetObjectSizeError:.*self-signed certificate/);
    expect(tls.requests).toEqual([]);
    const looked = await failure(secure().getObjectMetadata({ Bucket: 'data', Key: 'object' }));
    expect(looked.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    await secure(false).downloadFile(param());
    expectBytesOf(object, await readFile(file));
  });

  it('are verified against the file that ssl_verify names, also through a link', async () => {
    await writeFile(join(directory, 'ca.pem'), certificate.cert);
    await symlink('ca.pem', join(directory, 'link.pem'));
    await secure(join(directory, 'link.pem')).downloadFile(param());
    expectBytesOf(object, await readFile(file));
    const missing = await failure(secure(join(directory, 'nothing')).downloadFile(param()));
    expect(String(missing)).toMatch(/^InvalidArgument:ssl_verify: ENOENT/);
    const empty = await failure(secure('/dev/null').downloadFile(param()));
    expect(String(empty)).toMatch(/^InvalidArgument:/);
  });

  it('are looked for again where the file could not be read', async () => {
    const client = secure(join(directory, 'ca.pem'));
    expect(String(await failure(client.downloadFile(param())))).toMatch(/^InvalidArgument:ssl_verify: ENOENT/);
    await writeFile(join(directory, 'ca.pem'), certificate.cert);
    await client.downloadFile(param());
    expectBytesOf(object, await readFile(file));
  });
});

describe('downloadFile', () => {
  it('finds out what the object is with its first part, with no request before it', async () => {
    await connect().downloadFile(param({ PartSize: undefined, TaskNum: undefined }));
    expect(server.requests.map(({ method, range }) => [method, range])).toEqual([
      ['GET', { start: 0, end: 5 * MIB }],
      ['GET', { start: 5 * MIB, end: object.size }],
    ]);
  });

  it('has 20 parts in flight by default', async () => {
    server.putObject('data', 'object', ramp(30 * 102_400, 1));
    server.setFaults([slowBody({ bytesPerSecond: 400_000 })]);
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, server.requests.filter(({ bytesSent, range }) => range && bytesSent < 102_400).length);
    }, 2);
    await connect().downloadFile(param({ PartSize: 102_400, TaskNum: undefined }));
    clearInterval(watching);
    expect(most).toBe(20);
  });

  it('calls ResumeCallback exactly once, before the first part is on the disk', async () => {
    const order: string[] = [];
    await connect().downloadFile(
      param({
        ResumeCallback: (control) => void order.push(`resume ${Object.keys(control)}`),
        ProgressCallback: (transferred) => void order.push(`progress ${transferred}`),
      }),
    );
    expect(order[0]).toBe('resume cancel');
    expect(order.filter((entry) => entry.startsWith('resume'))).toHaveLength(1);
    expect(order.at(-1)).toBe(`progress ${object.size}`);
  });

  /** Three parts come and then nothing: cancel() finds the other two requests under way, however slow the machine is. */
  const threeParts = () => server.setFaults([stall({ fromRequest: 4, times: 9 })]);
  const isStalled = (transferred: number) => transferred >= 3 * MIB && server.requests.length >= 5;

  it('ends every request at once on cancel(), calls back once, and can be called again there and then', async () => {
    threeParts();
    const client = connect();
    const calls: [unknown, unknown][] = [];
    let cancel = () => {};
    const resumed = await new Promise<unknown>((resolve) => {
      const again = () => {
        server.setFaults([]);
        const before = server.requests.length;
        client.downloadFile(param({ EnableCheckpoint: true })).then(() => {
          resolve(server.requests.slice(before).reduce((sum, { bytesSent }) => sum + bytesSent, 0));
        }, resolve);
      };
      const more: Partial<DownloadFileParam> = {
        EnableCheckpoint: true,
        ResumeCallback: (control) => {
          cancel = control.cancel;
        },
        ProgressCallback: (transferred) => {
          if (!isStalled(transferred)) return;
          cancel();
          cancel();
        },
      };
      client.downloadFile(param(more), (err, result) => {
        calls.push([String(err), result]);
        again();
      });
    });
    expect(calls).toEqual([
      ['Download suspened:The process of downloadFile is suspened, you can try again', undefined],
    ]);
    expect(resumed).toBe(object.size - 3 * MIB);
    expectBytesOf(object, await readFile(file));
    cancel();
    expect(await readdir(directory)).toEqual(['out.bin']);
  });

  it('starts afresh when the object was replaced since, and calls ResumeCallback once', async () => {
    threeParts();
    let cancel = () => {};
    const first = connect().downloadFile(
      param({
        EnableCheckpoint: true,
        ResumeCallback: (control) => {
          cancel = control.cancel;
        },
        ProgressCallback: (transferred) => void (isStalled(transferred) && cancel()),
      }),
    );
    expect((await failure(first)).code).toBe('Download suspened');
    const young = ramp(object.size - 99, 50);
    server.putObject('data', 'object', young);
    server.setFaults([]);
    const ResumeCallback = vi.fn();
    await connect().downloadFile(param({ EnableCheckpoint: true, PartSize: 2 * MIB, ResumeCallback }));
    expectBytesOf(young, await readFile(file));
    expect(ResumeCallback).toHaveBeenCalledTimes(1);
  });

  it('is not harmed by callbacks that throw or reject, and says so in a warning', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) =>
      void (warning.name === 'ObsClientCallbackWarning' && warnings.push(warning.message));
    process.on('warning', onWarning);
    const bad = (name: string) => () => {
      throw new Error(`bug in ${name}`);
    };
    const calls = await new Promise<number>((resolve) => {
      let count = 0;
      void connect().downloadFile(
        param({ ProgressCallback: bad('progress'), ResumeCallback: async () => bad('resume')() }),
        async (err, result) => {
          count += 1;
          setImmediate(() => resolve(count));
          throw new Error(`bug after ${err} ${result?.CommonMsg.Status}`);
        },
      );
    });
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(calls).toBe(1);
    expect(new Set(warnings)).toEqual(
      new Set([
        'ProgressCallback threw: bug in progress',
        'ResumeCallback threw: bug in resume',
        'the callback threw: bug after null 200',
      ]),
    );
    expectBytesOf(object, await readFile(file));
  });

  it('fails with an Error that reads like the string of the SDK and keeps what is known', async () => {
    const error = await failure(connect().downloadFile(param({ Key: 'nothing' })));
    expect(String(error)).toBe('NoSuchKey:The specified key does not exist');
    expect(`Error-->${error}`).toBe('Error-->NoSuchKey:The specified key does not exist');
    expect(error).toMatchObject({ code: 'NoSuchKey', status: 404, requestId: expect.stringMatching(/^[0-9A-F]{32}$/) });
    expect(error.cause).toBeInstanceOf(NotFoundError);
    expect(error).toBeInstanceOf(ObsClient.ObsClientError);
  });

  it('names the status where the store gave no code', async () => {
    server.setFaults([status(403, { times: 9 })]);
    const error = await failure(connect().downloadFile(param()));
    expect(String(error)).toMatch(/^Forbidden:the store answered 403/);
    expect(error.cause).toBeInstanceOf(AccessDeniedError);
  });

  it('removes its files after a failure unless a checkpoint is enabled', async () => {
    server.setFaults([removeObjectAfter({ requests: 3 })]);
    const error = await failure(connect().downloadFile(param()));
    expect(String(error)).toBe('NoSuchKey:The specified key does not exist');
    expect(await readdir(directory)).toEqual([]);
  });

  it('writes no SSE-C key to the disk', async () => {
    const key = 'k'.repeat(32);
    server.putObject('data', 'secret', object, { sseCKey: Buffer.from(key) });
    server.setFaults([stall({ offset: 5 * MIB, afterBytes: 10, times: 9 })]);
    let cancel = () => {};
    const download = connect().downloadFile(
      param({
        ...{ Key: 'secret', SseC: 'AES256', SseCKey: key, EnableCheckpoint: true },
        ResumeCallback: (control) => {
          cancel = control.cancel;
        },
        ProgressCallback: (transferred) => void (transferred >= 4 * MIB && cancel()),
      }),
    );
    expect((await failure(download)).code).toBe('Download suspened');
    const left = await readdir(directory);
    expect(left).toContain('out.bin.part.checkpoint');
    for (const name of left) {
      const bytes = await readFile(join(directory, name));
      expect(bytes.includes(key) || bytes.includes(Buffer.from(key).toString('base64'))).toBe(false);
    }
  });

  it('refuses a second download of the same file while the first is running', async () => {
    server.setFaults([slowBody({ bytesPerSecond: 8 * MIB })]);
    const client = connect();
    const first = client.downloadFile(param());
    await expect.poll(() => server.requests.length, { interval: 5 }).toBeGreaterThan(1);
    expect(String(await failure(client.downloadFile(param())))).toMatch(/^DownloadFileFailed:.* is locked/);
    await first;
  });

  it.each([
    ['IfModifiedSince', new Date('2026-01-03')],
    ['IfModifiedSince', 'Saturday, 03-Jan-26 00:00:00 GMT'],
    ['IfModifiedSince', 'Fri Jan  2 03:04:06 2026'],
    ['IfUnmodifiedSince', new Date('2026-01-01')],
    ['IfUnmodifiedSince', 'Fri Jan  2 03:04:04 2026'],
  ])('takes %s as a Date and in every form of HTTP: %s', async (name, value) => {
    const error = await failure(connect().downloadFile(param({ [name]: value })));
    expect(error.code).toBe(name === 'IfModifiedSince' ? 'NotModified' : 'PreconditionFailed');
  });

  it.each([
    [{ IfModifiedSince: 'yesterday' }, 'IfModifiedSince must be a date, got "yesterday"'],
    [{ SseC: 'AES256' }, 'SseCKey must be 32 bytes, as text or a Buffer, not in base64'],
    [{ SseCKey: 'short' }, 'SseCKey must be 32 bytes, as text or a Buffer, not in base64'],
    [{ SseC: 'SM4', SseCKey: 'k'.repeat(32) }, "SseC must be 'AES256'"],
    [{ PartSize: '5 MB' }, 'PartSize must be a number from 102400 to 5368709120, got "5 MB"'],
    [{ TaskNum: 1001 }, 'TaskNum must be a number from 1 to 1000, got 1001'],
    [{ VersionId: '\0' }, expect.stringMatching(/^versionId: /)],
    [{ ResumeCallback: 'me' }, 'ResumeCallback must be a function, got "me"'],
  ])('refuses %O before any request', async (wrong, message) => {
    const error = await failure(connect().downloadFile(param(wrong as Partial<DownloadFileParam>)));
    expect(error).toMatchObject({ code: 'InvalidArgument' });
    expect(error.message.replace('InvalidArgument:', '')).toEqual(message);
    expect(server.requests).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('calls back later, never from within the call, and returns nothing then', async () => {
    let hasReturned = false;
    const called = new Promise<boolean>((resolve) => {
      const returned = connect().downloadFile({} as DownloadFileParam, () => resolve(hasReturned));
      expect(returned).toBeUndefined();
    });
    hasReturned = true;
    expect(await called).toBe(true);
  });
});

describe('refresh and close', () => {
  it('gives other keys to a download that is running, when the old ones are refused', async () => {
    const old = { accessKeyId: 'AKOLD', secretAccessKey: 'old', securityToken: 'old' };
    const young = { accessKeyId: 'AKNEW', secretAccessKey: 'new', securityToken: 'new' };
    server.addCredentials(old);
    server.addCredentials(young);
    const client = connect({ access_key_id: 'AKOLD', secret_access_key: 'old', security_token: 'old' });
    await client.downloadFile(
      param({
        ResumeCallback: () => {
          server.addCredentials({ ...old, expired: true });
          client.refresh('AKNEW', 'new', 'new');
        },
      }),
    );
    expectBytesOf(object, await readFile(file));
    expect(server.requests.at(-1)?.headers.authorization).toContain('AKNEW');
  });

  it('signs the next request of a download that is running with the keys of the moment', async () => {
    const young = { accessKeyId: 'AKNEW', secretAccessKey: 'new' };
    server.addCredentials(young);
    const client = connect();
    const ResumeCallback = () => client.refresh('AKNEW', 'new');
    await client.downloadFile(param({ TaskNum: 1, ResumeCallback }));
    expectBytesOf(object, await readFile(file));
    const [first, ...others] = server.requests.map(({ headers }) => String(headers.authorization));
    expect(first).toContain(server.credentials.accessKeyId);
    expect(others).not.toEqual([]);
    expect(others.filter((authorization) => !authorization.includes('AKNEW'))).toEqual([]);
  });

  it('asks once more for what an anonymous request was refused, if there are keys by then', async () => {
    server.createBucket('data', { public: true });
    server.setFaults([latency({ request: 1, ms: 100 }), status(403, { request: 1, code: 'InvalidAccessKeyId' })]);
    const client = connect({ access_key_id: null });
    const download = client.downloadFile(param());
    await expect.poll(() => server.requests.length, { interval: 5 }).toBe(1);
    client.refresh(server.credentials.accessKeyId, server.credentials.secretAccessKey);
    await download;
    expectBytesOf(object, await readFile(file));
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    expect(server.requests[1]?.headers.authorization).toContain(server.credentials.accessKeyId);
  });

  it('refuses calls after close(), and lets those that are running end', async () => {
    const client = connect();
    const running = client.downloadFile(param());
    client.close();
    expect((await running).CommonMsg.Status).toBe(200);
    expect(String(await failure(client.downloadFile(param())))).toBe('ClientClosed:the client was closed');
    client.getObjectMetadata({ Bucket: 'data', Key: 'object' }, (err) => expect(err?.message).toMatch(/^ClientClosed/));
  });
});

describe('getObjectMetadata', () => {
  it('sends CORS headers, asks again after a 503, and gives up after max_retry_count', async () => {
    server.setFaults([status(503, { times: 1 })]);
    const { CommonMsg } = await connect().getObjectMetadata({
      ...{ Bucket: 'data', Key: 'object', Origin: 'https://a.com', RequestHeader: 'x' },
    });
    expect(CommonMsg.Status).toBe(200);
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
    expect(server.requests[0]?.headers).toMatchObject({
      origin: 'https://a.com',
      'access-control-request-headers': 'x',
    });
    server.setFaults([status(503, { times: 9 })]);
    const refused = await connect({ max_retry_count: 0 }).getObjectMetadata({ Bucket: 'data', Key: 'object' });
    expect(refused.CommonMsg).toMatchObject({ Status: 503, Code: '' });
    expect(server.requests).toHaveLength(3);
  });

  it('pays for a requester-pays bucket when told to, as downloadFile does', async () => {
    server.createBucket('data', { requesterPays: true });
    const asked = { Bucket: 'data', Key: 'object' };
    expect((await connect().getObjectMetadata(asked)).CommonMsg.Status).toBe(403);
    const paid = await connect().getObjectMetadata({ ...asked, RequestPayer: 'requester' });
    expect(paid.CommonMsg.Status).toBe(200);
    await connect().downloadFile(param({ RequestPayer: 'requester' }));
  });

  it("fails with the system's code when nobody answers", async () => {
    await server.down();
    const error = await failure(connect({ max_retry_count: 0 }).getObjectMetadata({ Bucket: 'data', Key: 'object' }));
    expect(error.code).toBe('ECONNREFUSED');
    await server.up();
  });
});
