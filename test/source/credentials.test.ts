import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AccessDeniedError, NetworkError } from '../../src/errors.js';
import { OBS_VARIABLES, openKeyring, readEnvironment } from '../../src/source/credentials.js';
import { obs } from '../../src/source/obs-source.js';
import { s3 } from '../../src/source/s3-source.js';
import type { SourceRequest } from '../../src/source/source.js';
import type { Credentials, CredentialsProvider } from '../../src/source-options.js';
import { requestContext } from './request-context.js';

const OBJECT = { endpoint: 'obs.example.com', bucket: 'films', key: 'k' };
const NOW = new Date('2026-01-02T03:04:05Z');
const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

/** Gives keys named key1, key2, … and notes the reasons. */
function numbered(lifeMs?: number) {
  const reasons: string[] = [];
  const provider: CredentialsProvider = async ({ reason }) => {
    const number = reasons.push(reason);
    return {
      accessKeyId: `key${number}`,
      secretAccessKey: 's',
      ...(lifeMs === undefined ? {} : { expiresAt: new Date(Date.now() + lifeMs) }),
    };
  };
  return { reasons, source: obs({ ...OBJECT, credentials: provider }) };
}

function keyOf(request: SourceRequest): string | undefined {
  return /OBS (.*):/.exec(request.headers?.authorization ?? '')?.[1];
}

test('the keys come from the environment, read when the source is made', async () => {
  vi.stubEnv('OBS_ACCESS_KEY_ID', 'fromenv');
  vi.stubEnv('OBS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('OBS_SECURITY_TOKEN', 'token');
  const source = obs(OBJECT);
  vi.stubEnv('OBS_ACCESS_KEY_ID', 'later');
  const request = await source.request(requestContext());
  expect(keyOf(request)).toBe('fromenv');
  expect(request.headers).toMatchObject({ 'x-obs-security-token': 'token' });
});

test('s3 reads the AWS variables', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENV');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_SESSION_TOKEN', 'session');
  const { headers } = await s3(OBJECT).request(requestContext());
  expect(headers?.authorization).toContain('Credential=AKIAENV/20260102/us-east-1/s3/');
  expect(headers?.['x-amz-security-token']).toBe('session');
});

test('an environment without both keys is an InvalidOptionError that names the variables', () => {
  for (const env of [{}, { OBS_ACCESS_KEY_ID: 'a' }, { OBS_SECRET_ACCESS_KEY: 'b', OBS_ACCESS_KEY_ID: '' }]) {
    expect(() => readEnvironment(OBS_VARIABLES, env)).toThrow(
      expect.objectContaining({ option: 'credentials', message: expect.stringContaining('OBS_SECRET_ACCESS_KEY') }),
    );
  }
});

test('keys that the AWS SDK was given too, and has marked, are taken', async () => {
  const credentials = { accessKeyId: 'shared', secretAccessKey: 'secret', $source: { CREDENTIALS_CODE: 'e' } };
  expect(keyOf(await obs({ ...OBJECT, credentials }).request(requestContext()))).toBe('shared');
});

test('an anonymous request carries neither a signature nor a date', async () => {
  const request = await obs({ ...OBJECT, credentials: 'anonymous' }).request(requestContext());
  expect(request).toEqual({ url: 'https://films.obs.example.com/k', headers: {} });
});

test.each([
  null,
  'key',
  {},
  { accessKeyId: 'a' },
  { accessKeyId: 'a', secretAccessKey: 'canary\n' },
  { accessKeyId: 'a b', secretAccessKey: 'canary' },
  { accessKeyId: 'a', secretAccessKey: 'canary', sessionToken: 'canary' },
  { accessKeyId: 'a', secretAccessKey: 'canary', securityToken: 'canary\r\nx: y' },
  { accessKeyId: 'a', secretAccessKey: 'canary', expiresAt: '2026-01-01' },
  { accessKeyId: 'a', secretAccessKey: 'canary', expiresAt: new Date('never') },
])('wrong credentials are refused, given or provided, without showing them: %j', async (wrong) => {
  const credentials = wrong as unknown as Credentials;
  const refused = expect.objectContaining({
    code: 'PS_ERR_INVALID_OPTION',
    option: 'credentials',
    message: expect.not.stringContaining('canary'),
  });
  expect(() => obs({ ...OBJECT, credentials })).toThrow(refused);
  await expect(obs({ ...OBJECT, credentials: () => credentials }).request(requestContext())).rejects.toEqual(refused);
});

test('the provider is asked once for many concurrent requests', async () => {
  const { reasons, source } = numbered();
  const requests = await Promise.all(Array.from({ length: 20 }, () => source.request(requestContext())));
  expect(requests.map(keyOf)).toEqual(Array(20).fill('key1'));
  expect(reasons).toEqual(['first']);
});

test('many requests that were refused with one value cost one renewal', async () => {
  const { reasons, source } = numbered();
  const old = await Promise.all(Array.from({ length: 5 }, () => source.request(requestContext())));
  const again = (refused: SourceRequest | undefined) => source.request(requestContext({ reason: 'expired', refused }));
  const together = await Promise.all([again(old[0]), again(old[1]), again(old[2])]);
  expect(together.map(keyOf)).toEqual(['key2', 'key2', 'key2']);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(keyOf(await again(old[3]))).toBe('key2');
  expect(reasons).toEqual(['first', 'expired']);
  // A refusal of the new keys, however soon, is another matter.
  expect(keyOf(await again(together[0]))).toBe('key3');
  expect(keyOf(await again(old[4]))).toBe('key3');
  expect(reasons).toEqual(['first', 'expired', 'expired']);
});

test('without a word about what was refused, refusals right after a renewal count for the old keys', async () => {
  const { reasons, source } = numbered();
  const again = () => source.request(requestContext({ reason: 'expired' }));
  await source.request(requestContext());
  expect(keyOf(await again())).toBe('key2');
  expect(keyOf(await again())).toBe('key2');
  await vi.advanceTimersByTimeAsync(2_000);
  expect(keyOf(await again())).toBe('key3');
  expect(reasons).toEqual(['first', 'expired', 'expired']);
});

test('credentials are renewed five minutes before they expire, and short-lived ones at half of their life', async () => {
  const long = numbered(60 * MINUTE);
  const short = numbered(4 * MINUTE);
  const keys = async () => [
    keyOf(await long.source.request(requestContext())),
    keyOf(await short.source.request(requestContext())),
  ];
  expect(await keys()).toEqual(['key1', 'key1']);
  await vi.advanceTimersByTimeAsync(2 * MINUTE - 1);
  expect(await keys()).toEqual(['key1', 'key1']);
  await vi.advanceTimersByTimeAsync(1);
  expect(await keys()).toEqual(['key1', 'key2']);
  await vi.advanceTimersByTimeAsync(53 * MINUTE);
  expect((await keys())[0]).toBe('key2');
  expect(long.reasons).toEqual(['first', 'expired']);
});

test('a renewal ahead of time that fails leaves the old credentials in use until they expire', async () => {
  let calls = 0;
  const provider = () => {
    calls += 1;
    if (calls > 1) throw new Error('service down');
    return { accessKeyId: 'key1', secretAccessKey: 's', expiresAt: new Date(Date.now() + 20 * MINUTE) };
  };
  const source = obs({ ...OBJECT, credentials: provider });
  await source.request(requestContext());
  await vi.advanceTimersByTimeAsync(16 * MINUTE);
  expect(keyOf(await source.request(requestContext()))).toBe('key1');
  expect(keyOf(await source.request(requestContext()))).toBe('key1');
  expect(calls).toBe(2);
  await vi.advanceTimersByTimeAsync(4 * MINUTE);
  await expect(source.request(requestContext())).rejects.toBeInstanceOf(AccessDeniedError);
});

test('a provider that throws is an AccessDeniedError with a cleaned cause, and is asked again (T142)', async () => {
  let calls = 0;
  const provider = () => {
    calls += 1;
    if (calls === 1) throw Object.assign(new Error('vault\u001b[31m sealed'), { token: 'canary' });
    return { accessKeyId: 'key2', secretAccessKey: 's' };
  };
  const source = obs({ ...OBJECT, credentials: provider });
  const error = await source.request(requestContext()).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AccessDeniedError);
  expect(error).toMatchObject({ statusCode: 401, storeCode: 'CredentialsProviderFailed' });
  expect((error as Error).cause).toMatchObject({ message: 'vault [31m sealed' });
  expect((error as Error).cause).not.toHaveProperty('token');
  expect(keyOf(await source.request(requestContext()))).toBe('key2');
});

test('an error of this library that a provider throws arrives as it is', async () => {
  const down = new NetworkError('metadata service unreachable');
  const keyring = openKeyring(() => Promise.reject(down), OBS_VARIABLES);
  await expect(keyring.lend(requestContext(), () => ({ url: 'http://h/' }))).rejects.toBe(down);
});

test('a provider that hangs is a TimeoutError after 30 s, and the next request asks anew (T142)', async () => {
  let calls = 0;
  const provider: CredentialsProvider = () => {
    calls += 1;
    return calls === 1 ? new Promise(() => undefined) : { accessKeyId: `key${calls}`, secretAccessKey: 's' };
  };
  const source = obs({ ...OBJECT, credentials: provider });
  const outcomes = [source.request(requestContext()), source.request(requestContext())].map((request) =>
    request.catch((error: unknown) => error),
  );
  await vi.advanceTimersByTimeAsync(29_999);
  expect(calls).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  for (const outcome of await Promise.all(outcomes)) {
    expect(outcome).toMatchObject({ code: 'PS_ERR_TIMEOUT', phase: 'headers' });
  }
  expect(keyOf(await source.request(requestContext()))).toBe('key2');
  expect(vi.getTimerCount()).toBe(0);
});

test('an abort ends the wait for a provider at once, for the aborted request alone', async () => {
  let answer: (credentials: Credentials) => void = () => undefined;
  const provider: CredentialsProvider = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const source = obs({ ...OBJECT, credentials: provider });
  const controller = new AbortController();
  const aborted = source.request(requestContext({ signal: controller.signal }));
  const other = source.request(requestContext());
  await Promise.resolve();
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  answer({ accessKeyId: 'key1', secretAccessKey: 's' });
  expect(keyOf(await other)).toBe('key1');
  expect(vi.getTimerCount()).toBe(0);
});

test('only a provider can give fresh keys', () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  expect(obs({ ...OBJECT, credentials }).canRefresh).toBe(false);
  expect(obs({ ...OBJECT, credentials: () => credentials }).canRefresh).toBe(true);
});
