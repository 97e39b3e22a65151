import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import type { Dispatcher } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { downloadFile, type ObjectSource } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, freshPath, PART } from './download-bench.js';
import { type Asked, answering, trueAnswer } from './raw-answers.js';

const DATA = ramp(2 * PART).slice();
const QUICK_RETRY = { retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 } };

/** A source as a caller without types may write it. */
function source(request: () => unknown): ObjectSource {
  return { identity: 'mine://o', name: 'o', request } as unknown as ObjectSource;
}

const HEADERS: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 12_345_678],
  ['a list', ['one-long-value', 'two']],
];
const FAILURES: [string, string, (asked: Asked, socket: Socket) => void][] = [
  ['a reset', 'PS_ERR_PART_FAILED', (_asked, socket) => socket.resetAndDestroy()],
  ['a cut head', 'PS_ERR_PART_FAILED', (_asked, socket) => socket.end('HTTP/1.1 20')],
  ['something that is not HTTP', 'PS_ERR_PROTOCOL', (_asked, socket) => socket.end('JUNK\r\n\r\n')],
  ['a 404', 'PS_ERR_NOT_FOUND', (_asked, socket) => socket.write('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')],
];

describe.each(HEADERS)('a source whose header is %s', (_what, value) => {
  it.each(FAILURES)(
    'no callback of it ever throws into undici, which would crash the process: after %s',
    async (_how, code, respond) => {
      const { url } = await answering(respond);
      const odd = source(async () => ({ url, headers: { 'x-mine': value } }));
      expect(await failureOf(downloadFile(odd, freshPath(), QUICK_RETRY))).toMatchObject({ code });
    },
  );

  it('continues a cut body', async () => {
    const { url } = await answering((asked, socket) => {
      const answer = trueAnswer(asked, DATA, 'ETag: "e1"');
      if (asked.number === 1) socket.end(answer.subarray(0, 50_000));
      else socket.write(answer);
    });
    const { bytes } = await download(
      'downloadFile',
      source(async () => ({ url, headers: { 'x-mine': value } })),
    );
    expect(bytes.equals(DATA)).toBe(true);
  });
});

describe('a host that set Error.prepareStackTrace', () => {
  const before = Error.prepareStackTrace;
  afterEach(() => {
    Error.prepareStackTrace = before;
  });

  it.each(FAILURES.slice(0, 3))('gets its errors all the same: after %s', async (_how, code, respond) => {
    const { url } = await answering(respond);
    let error: unknown;
    try {
      Error.prepareStackTrace = (_error, sites) => sites;
      error = await failureOf(downloadFile(url, freshPath(), QUICK_RETRY));
    } finally {
      Error.prepareStackTrace = before;
    }
    expect(error).toMatchObject({ code });
  });
});

describe('a dispatcher whose error throws when it is looked at', () => {
  it('no callback of ours throws into it', async () => {
    const odd = Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('not for you');
      },
    });
    const thrown: unknown[] = [];
    const dispatcher = {
      dispatch(_options: unknown, handler: Dispatcher.DispatchHandler) {
        setImmediate(() => {
          try {
            handler.onResponseError?.(null as never, odd);
          } catch (error) {
            thrown.push(error);
          }
        });
        return true;
      },
    } as unknown as Dispatcher;
    const options = { ...QUICK_RETRY, dispatcher, timeouts: { connectMs: 500, headersMs: 500 } };
    const error = await failureOf(downloadFile('http://store.example/o', freshPath(), options));
    expect(error).toMatchObject({ code: 'PS_ERR_PART_FAILED', cause: { code: 'PS_ERR_NETWORK' } });
    expect(thrown).toEqual([]);
  });
});

describe('a source whose request() gives', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['no url', {}],
    ['a URL object', { url: new URL('http://127.0.0.1:1/o?secret=SECRET0123456789') }],
  ])('%s is refused as an option', async (_what, given) => {
    const error = await failureOf(
      downloadFile(
        source(async () => given),
        freshPath(),
        QUICK_RETRY,
      ),
    );
    expect(error).toMatchObject({ code: 'PS_ERR_INVALID_OPTION', option: 'source' });
    expect(inspect(error)).not.toContain('SECRET0123456789');
  });
});
