import { describe, expect, it } from 'vitest';
import { RedirectError } from '../../src/errors.js';
import { isRedirect, MAX_REDIRECTS, resolveRedirect, splitUrl } from '../../src/fetch/redirect.js';

const from = 'https://store.example.com/bucket/dir/key?sig=SECRET';

function refusalOf(url: string, location: string | string[] | undefined, hops = 0): RedirectError {
  let target: string;
  try {
    target = resolveRedirect(url, location, hops);
  } catch (error) {
    expect(error).toBeInstanceOf(RedirectError);
    return error as RedirectError;
  }
  throw new Error(`followed to ${target}`);
}

describe('splitUrl', () => {
  it('cuts a URL where its host ends and changes nothing of the rest', () => {
    expect(splitUrl("HTTPS://Host.Example:8443/a/../b%2F'?x=../y#z")).toEqual({
      scheme: 'https',
      authority: 'host.example:8443',
      origin: 'https://host.example:8443',
      target: "/a/../b%2F'?x=../y",
    });
    expect(splitUrl('http://h')?.target).toBe('/');
    expect(splitUrl('http://h?q')?.target).toBe('/?q');
  });

  it.each([
    'ftp://h/x',
    '/x',
    'http:///x',
    'http://user@h/x',
    'http:\\\\h',
    'http://h\\x',
    'http://a b/',
    'http://[::1',
    'http://h:99999/',
    'http://h%00/',
    '',
  ])('refuses %j', (url) => {
    expect(splitUrl(url)).toBeUndefined();
  });
});

describe('isRedirect', () => {
  it('is for 301, 302, 303, 307 and 308; 300 and 304 have other meanings', () => {
    expect([300, 301, 302, 303, 304, 305, 307, 308].filter(isRedirect)).toEqual([301, 302, 303, 307, 308]);
  });
});

describe('resolveRedirect', () => {
  it.each([
    ['https://other.example.com/x?y=1', 'https://other.example.com/x?y=1'],
    ['//other.example.com/x', 'https://other.example.com/x'],
    ['/x/../y', 'https://store.example.com/x/../y'],
    ['other?y', 'https://store.example.com/bucket/dir/other?y'],
    ['?y', 'https://store.example.com/bucket/dir/key?y'],
  ])('follows %j byte for byte', (location, expected) => {
    expect(resolveRedirect(from, location, 0)).toBe(expected);
  });

  it.each([[undefined], [''], [['https://a.example/', 'https://b.example/']]])(
    'refuses a Location that is missing, empty or doubled (T121)',
    (location) => {
      refusalOf(from, location);
    },
  );

  it('follows five hops, and refuses the next (T121)', () => {
    expect(resolveRedirect(from, '/x', MAX_REDIRECTS - 1)).toContain('/x');
    expect(refusalOf(from, '/x', MAX_REDIRECTS).message).toContain('5');
  });

  it.each([
    'file:///etc/passwd',
    'ftp://h/x',
    'javascript:alert(1)',
    'data:,x',
    'unix:/run/docker.sock',
    'http+unix://%2Frun%2Fdocker.sock/x',
    'https://user:pass@h.example/x',
    'https://h.example/a b',
    'https://h.example/\r\nX: y',
    'https://h.example/ü',
    'https://',
  ])('refuses to go to %j (T120)', (location) => {
    refusalOf(from, location);
  });

  it.each([
    '169.254.169.254',
    '[fd00:ec2::254]',
    '[fe80::1]',
    'localhost',
    'LOCALHOST.',
    'app.localhost',
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:169.254.169.254]',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '[fc00::1]',
  ])('refuses to be led from a public host to %s (T120)', (host) => {
    expect(refusalOf('http://store.example.com/x', `http://${host}/latest/meta-data/?k=SECRET`).message).not.toContain(
      'SECRET',
    );
  });

  it('a redirect never leads into a network that is more private than the host the caller named', () => {
    expect(resolveRedirect('http://10.0.0.1/x', 'http://10.0.0.2/x', 0)).toBe('http://10.0.0.2/x');
    expect(resolveRedirect('http://127.0.0.1:1/x', 'http://127.0.0.1:2/x', 0)).toBe('http://127.0.0.1:2/x');
    expect(resolveRedirect('http://127.0.0.1:1/x', 'https://store.example.com/x', 0)).toContain('store');
    refusalOf('http://10.0.0.1/x', 'http://127.0.0.1/x');
    refusalOf('http://127.0.0.1/x', 'http://169.254.169.254/x');
    refusalOf('http://169.254.0.1/x', 'http://169.254.169.254/x');
  });

  it('a redirect never leads from https to http; the refusal names no query and no user info', () => {
    const { message } = refusalOf(from, 'http://store.example.com/x?token=SECRET');
    expect(message).toContain('http://store.example.com/x');
    expect(message).not.toContain('SECRET');
    expect(refusalOf(from, 'ftp://me:SECRET@h.example/x?SECRET').message).not.toContain('SECRET');
  });
});
