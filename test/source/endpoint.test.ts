import { expect, test } from 'vitest';
import { formatAuthority, formatOrigin, parseEndpoint } from '../../src/source/endpoint.js';

test.each([
  ['obs.cn-north-4.myhuaweicloud.com', 'https://obs.cn-north-4.myhuaweicloud.com'],
  ['https://OBS.example.com/', 'https://obs.example.com'],
  ['https://obs.example.com:443', 'https://obs.example.com'],
  ['http://obs.example.com:80', 'http://obs.example.com'],
  ['http://obs.example.com:443', 'http://obs.example.com:443'],
  ['HTTP://127.0.0.1:9000', 'http://127.0.0.1:9000'],
  ['localhost:8080', 'https://localhost:8080'],
  ['http://[::1]:9000', 'http://[::1]:9000'],
  ['my_host.internal', 'https://my_host.internal'],
])('the endpoint %s is understood as %s', (text, origin) => {
  expect(formatOrigin(parseEndpoint(text))).toBe(origin);
  expect(formatAuthority(parseEndpoint(text))).toBe(origin.replace(/^https?:\/\//, ''));
});

test.each([
  'ftp://obs.example.com',
  'https://obs.example.com/path',
  'https://obs.example.com?x=1',
  'https://obs.example.com#x',
  'https://user:canary@obs.example.com',
  'https://',
  '::1',
  'http://[::1',
  'http://[::zz]',
  'obs.example.com:0',
  'obs.example.com:65536',
  'obs.example.com:',
  'obs..example.com',
  '-obs.example.com',
  'obs.example.com ',
  'obs.exa mple.com',
  'obs.example.com\r\nx: y',
  'öbs.example.com',
  '127.1',
  '0x7f.1',
  '2130706433',
  '256.1.1.1',
  `${'a'.repeat(64)}.com`,
])('the endpoint %j is an InvalidOptionError that shows no user info', (text) => {
  const thrown = (() => {
    try {
      return parseEndpoint(text);
    } catch (error) {
      return error as Error;
    }
  })();
  expect(thrown).toMatchObject({ code: 'PS_ERR_INVALID_OPTION', option: 'endpoint' });
  expect((thrown as Error).message).not.toContain('canary');
});
