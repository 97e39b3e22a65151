import { expect, test } from 'vitest';
import { asSource } from '../../src/source/as-source.js';
import { http } from '../../src/source/http-source.js';
import type { SourceRequest } from '../../src/source/source.js';
import { requestContext } from './request-context.js';

async function wireUrl(url: string | URL): Promise<string> {
  return (await http(url).request(requestContext())).url;
}

test.each([
  'https://b.example.com/../../x/./y//z',
  'https://b.example.com/a%2fb%2F?X-Amz-Signature=ab%2Fcd&X-Amz-Credential=A%2F20260101&x="\'<>{}|^`',
  'http://127.0.0.1:8080//',
  'http://[::1]:8080/x',
  'https://h.example.com:443/x?a=b?c=d',
])('a URL given as a string goes on the wire byte for byte: %s', async (url) => {
  expect(await wireUrl(url)).toBe(url);
});

test.each([
  ['https://h.example.com', 'https://h.example.com/'],
  ['https://h.example.com?x', 'https://h.example.com/?x'],
  ['https://h.example.com/a#fragment?no', 'https://h.example.com/a'],
  ['https://h.example.com/a b/ü?q=中 1', 'https://h.example.com/a%20b/%C3%BC?q=%E4%B8%AD%201'],
  ['HTTPS://Münster.example/x', 'https://xn--mnster-3ya.example/x'],
])('only what cannot be sent is changed: %s', async (given, wire) => {
  expect(await wireUrl(given)).toBe(wire);
});

test('a URL object is taken as it prints', async () => {
  expect(await wireUrl(new URL('https://h.example.com/a/../b c?x=1#f'))).toBe('https://h.example.com/b%20c?x=1');
});

test.each([
  'ftp://h.example.com/x',
  'file:///etc/passwd',
  'data:text/plain,x',
  'h.example.com/x',
  '/x',
  '',
  'https://',
  'https://user:canary@h.example.com/x',
  'https://canary@h.example.com/x',
  'https://h.example.com/x\r\ncanary: y',
  'https://h.example.com/\0canary',
  'https://h.example.com\\@evil.example/canary',
  'https://h.example.com:x/canary',
  'https://h exa.com/canary',
  'https://127.1/canary',
  'https://h.example.com/\ud800',
  7,
  null,
  undefined,
])('a wrong URL is an InvalidOptionError that shows no secret (T123, T136): %j', (url) => {
  const refused = expect.objectContaining({
    code: 'PS_ERR_INVALID_OPTION',
    option: 'url',
    message: expect.not.stringContaining('canary'),
  });
  expect(() => http(url as string)).toThrow(refused);
});

test('identity is origin and path only, name is the last segment of the path', () => {
  const source = http('https://H.Example.com:443/dir/a%20b.bin?X-Amz-Signature=canary#canary');
  expect(source.identity).toBe('https://h.example.com/dir/a%20b.bin');
  expect(source.name).toBe('a b.bin');
  expect(http('http://h.example.com:8080/100%').name).toBe('100%');
  expect(http('http://h.example.com:8080/dir/').name).toBe('');
  expect(http('http://h.example.com/x?id=1', { identity: 'film-1' }).identity).toBe('film-1');
});

test.each([
  'RANGE',
  'If-Match',
  'host',
  'Accept-Encoding',
  'if-none-match',
  'If-Modified-Since',
  'if-unmodified-since',
  'Connection',
  'content-length',
  'Transfer-Encoding',
])('the header %s belongs to the download and is refused (T124)', (name) => {
  expect(() => http('http://h.example.com/x', { headers: { [name]: 'x' } })).toThrow(
    expect.objectContaining({ code: 'PS_ERR_INVALID_OPTION', option: `headers.${name}` }),
  );
});

test.each([
  [{ 'x-a': 'canary\r\nx: y' }, 'headers.x-a'],
  [{ 'x-a': 'canary\0' }, 'headers.x-a'],
  [{ 'x-a': 'canary中' }, 'headers.x-a'],
  [{ 'x-a': 7 }, 'headers.x-a'],
  [{ 'x a': 'canary' }, 'headers'],
  [{ 'x-a\r\nx': 'canary' }, 'headers'],
  [{ '': 'canary' }, 'headers'],
  [{ 'X-A': 'canary', 'x-a': 'canary' }, 'headers.x-a'],
  ['canary', 'headers'],
])('wrong headers are refused without showing their values (T123): %j', (headers, option) => {
  expect(() => http('http://h.example.com/x', { headers: headers as never })).toThrow(
    expect.objectContaining({ option, message: expect.not.stringContaining('canary') }),
  );
});

test("the caller's headers go to the origin they were given for, and to no other", async () => {
  const source = http('https://h.example.com/x', { headers: { Authorization: 'Bearer t', 'X-Api-Key': 'k' } });
  const headers = { authorization: 'Bearer t', 'x-api-key': 'k' };
  expect((await source.request(requestContext())).headers).toEqual(headers);
  expect(await source.follow?.('https://h.example.com:443/y', 302, requestContext())).toMatchObject({ headers });
  for (const url of [
    'http://h.example.com/x',
    'https://h.example.com:8443/x',
    'https://other.example.com/x',
    'https://sub.h.example.com/x',
    'https://h.example.com.evil.example/x',
    'https://h.example.com@evil.example/x',
    'file:///x',
    'not a url',
  ]) {
    expect(await source.follow?.(url, 307, requestContext())).toBeUndefined();
  }
});

test('a provider of URLs is asked once, and once more by many refused requests together', async () => {
  const asked: unknown[] = [];
  const source = http(async (context) => {
    asked.push(context);
    return `https://h.example.com/f.bin?sig=${asked.length}`;
  });
  expect([source.identity, source.name]).toEqual(['http-provider', 'http-provider']);
  const first = await Promise.all([1, 2, 3].map(() => source.request(requestContext())));
  expect(first.map(({ url }) => url)).toEqual(Array(3).fill('https://h.example.com/f.bin?sig=1'));
  expect([source.identity, source.name]).toEqual(['https://h.example.com/f.bin', 'f.bin']);
  const again = (refused: SourceRequest | undefined) =>
    source.request(requestContext({ reason: 'expired', attempt: 2, refused }));
  const second = await Promise.all([again(first[0]), again(first[1])]);
  second.push(await again(first[2]), await source.request(requestContext({ attempt: 3 })));
  expect(second.map(({ url }) => url)).toEqual(Array(4).fill('https://h.example.com/f.bin?sig=2'));
  expect(asked).toEqual([
    { attempt: 1, reason: 'first' },
    { attempt: 2, reason: 'expired' },
  ]);
  expect((await again(second[0])).url).toBe('https://h.example.com/f.bin?sig=3');
});

test('identity and name stay those of the first URL of a provider', async () => {
  let calls = 0;
  const source = http(() => `https://mirror${++calls}.example.com/f${calls}.bin`);
  await source.request(requestContext());
  await source.request(requestContext({ reason: 'expired' }));
  expect([source.identity, source.name]).toEqual(['https://mirror1.example.com/f1.bin', 'f1.bin']);
});

test('a provider that throws is an AccessDeniedError, one that gives no URL an InvalidOptionError (T142)', async () => {
  const thrower = http(() => {
    throw new Error('no');
  });
  await expect(thrower.request(requestContext())).rejects.toMatchObject({
    code: 'PS_ERR_ACCESS_DENIED',
    storeCode: 'UrlProviderFailed',
  });
  const liar = http(() => 'ftp://h.example.com/');
  await expect(liar.request(requestContext())).rejects.toMatchObject({ option: 'url' });
});

test('a string or URL is shorthand for a source, anything else is refused', () => {
  const source = http('http://h.example.com/x');
  expect(asSource(source)).toBe(source);
  expect(asSource('http://h.example.com/x').identity).toBe('http://h.example.com/x');
  expect(asSource(new URL('http://h.example.com/x')).identity).toBe('http://h.example.com/x');
  for (const wrong of [undefined, null, 7, {}, { identity: 'x' }, { request: () => undefined }]) {
    expect(() => asSource(wrong as never)).toThrow(expect.objectContaining({ option: 'source' }));
  }
  expect(() => asSource('ftp://h.example.com/x')).toThrow(expect.objectContaining({ option: 'url' }));
});

test('unknown options are refused', () => {
  expect(() => http('http://h.example.com/x', { header: {} } as never)).toThrow(
    expect.objectContaining({ option: 'header' }),
  );
});
