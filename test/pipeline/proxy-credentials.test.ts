import { inspect } from 'node:util';
import { ProxyAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { downloadFile } from '../../src/index.js';
import { hideSecrets } from '../../src/redact.js';
import { rawServer } from '../fixtures/raw-server.js';
import { closeLater, freshPath, recorder } from './download-bench.js';

const PASSWORD = 'pRoXyPaSsWoRd0123456789';
const BASIC = Buffer.from(`somebody:${PASSWORD}`).toString('base64');

/** What a proxy may make of the request that it got. */
const ANSWERS: Readonly<Record<string, (head: string) => string>> = {
  'a refusal in text': (head) => refusal('403 No', 'text/plain', head),
  'a failure in HTML': (head) =>
    refusal('500 No', 'text/html', `<table><tr><td>${head.replaceAll(': ', '</td><td>')}</td></tr></table>`),
  'a refusal in JSON': (head) =>
    refusal('404 No', 'application/json', JSON.stringify(head.split('\r\n').map((line) => line.split(': ')))),
  'a header of a success': (head) =>
    `HTTP/1.1 206 OK\r\nETag: "e"\r\nContent-Range: bytes 0-0/1\r\nx-echo: ${oneLine(head)}\r\nContent-Length: 1\r\n\r\nA`,
};

function refusal(status: string, type: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const oneLine = (head: string) => head.trim().replaceAll('\r\n', ' | ');
const seen = (value: unknown): string => `${inspect(value, { depth: 12, showHidden: true })} ${JSON.stringify(value)}`;

describe('the credentials of a proxy', () => {
  it.each(Object.entries(ANSWERS))('are nowhere to be seen when the proxy quotes them in %s', async (_name, answer) => {
    const proxy = closeLater(await rawServer({ respond: (head, socket) => void socket.write(answer(head)) }));
    const uri = `http://somebody:${PASSWORD}@127.0.0.1:${proxy.port}`;
    const dispatcher = new ProxyAgent({ uri, proxyTunnel: false });
    const { events, all } = recorder();
    const options = { dispatcher, events, retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 } };
    const outcome = await downloadFile('http://store.example/object', freshPath(), options).catch((error) => error);
    expect(proxy.requests.join()).toContain(BASIC);
    for (const text of [seen(outcome), ...all.map(({ payload }) => seen(payload))]) {
      expect(text).not.toContain(PASSWORD);
      expect(text).not.toContain(BASIC.slice(0, 16));
    }
    expect(all.length).toBeGreaterThan(0);
    await dispatcher.destroy();
  });

  it('are told from the words around them', () => {
    expect(hideSecrets('a Proxy-Authorization: Basic c2VjcmV0 b', [])).toBe('a Proxy-Authorization: … b');
    expect(hideSecrets('{"proxy-authorization":"Basic c2VjcmV0","a":"b"}', [])).toBe(
      '{"proxy-authorization":"…","a":"b"}',
    );
    expect(hideSecrets('nothing of the kind', [])).toBe('nothing of the kind');
    const started = performance.now();
    for (const piece of ['proxy-authorization', 'proxy-authorization ', 'proxy-authorization<', '<', '<>']) {
      hideSecrets(`proxy-authorization${piece.repeat(131_072 / piece.length)}`, []);
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
