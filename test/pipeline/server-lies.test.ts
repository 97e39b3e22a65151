import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  http,
  NotFoundError,
  PartFailedError,
  ProtocolError,
  type RequestContext,
  StoreError,
} from '../../src/index.js';
import {
  badContentLength,
  contentEncoding,
  duplicateHeader,
  errorBody,
  header,
  hugeHeader,
  longBody,
  manyHeaders,
  missingContentRange,
  multipartByteranges,
  redirect,
  removeObjectAfter,
  shortRange,
  status,
  unknownTotal,
  wrongContentRange,
} from '../fixtures/answer-faults.js';
import { idleClose, informational, unsolicitedResponse } from '../fixtures/connection-faults.js';
import { errorXml } from '../fixtures/error-xml.js';
import { bytesObject, expectRamp, ramp } from '../fixtures/ramp.js';
import { rawServer } from '../fixtures/raw-server.js';
import { closeLater, download, failureOf, PART, partRanges, rangesOf, serve, VERBS } from './download-bench.js';

const SIZE = 5 * PART + 1234;

describe.each(VERBS)('%s', (verb) => {
  async function downloadWhole(server: { url: string }, size = SIZE, options = {}) {
    const done = await download(verb, server.url, options);
    expect(done.bytes.length).toBe(size);
    expectRamp(done.bytes);
    return done;
  }

  it.each([0, 1, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 1])(
    'an object of %s bytes is right (T045, T046)',
    async (size) => {
      const server = await serve(ramp(size), [], { contentType: 'text/plain' });
      const { result } = await downloadWhole(server, size);
      expect(result.object).toMatchObject({ size, etag: `"${ramp(size).fingerprint}"`, contentType: 'text/plain' });
      expect(result.range).toEqual({ start: 0, end: size });
      const parts = Math.max(1, Math.ceil(size / PART));
      // An empty object is asked for again with HEAD, because a 416 does not carry what it is.
      expect(server.requests.map(({ method }) => method)).toEqual(
        size === 0 ? ['GET', 'HEAD'] : Array(parts).fill('GET'),
      );
    },
  );

  it('an empty object is found where HEAD is refused (T045)', async () => {
    for (const code of [403, 405, 501]) {
      const server = await serve(ramp(0), [status(code, { method: 'HEAD', times: 99 })]);
      const { result } = await downloadWhole(server, 0);
      expect(result.object.etag).toBe(`"${ramp(0).fingerprint}"`);
    }
  });

  it('a server that refuses HEAD is never asked with HEAD: the first GET tells what the object is (T043)', async () => {
    const server = await serve(ramp(SIZE), [status(403, { method: 'HEAD', times: 99 })]);
    await downloadWhole(server);
    expect(server.requests.every(({ method }) => method === 'GET')).toBe(true);
  });

  it('a server that gives less than asked for, truthfully, is asked for the rest; that is no retry (T023)', async () => {
    const server = await serve(ramp(SIZE), [shortRange({ maxBytes: 30_000 })]);
    const { result } = await downloadWhole(server, SIZE, { retry: { attempts: 1 } });
    expect(result).toMatchObject({ retries: 0, transferredBytes: SIZE });
    expect(rangesOf(server)).toContain(`${2 * PART + 30_000}-${3 * PART}`);
  });

  it.each(['chunked', 'length', 'behind'] as const)(
    'bytes after the announced range are never used: a body that is too long, %s (T024)',
    async (framing) => {
      const faults = [0, 2, 4].map((part) => longBody({ extraBytes: 5000, framing, part, times: 1 }));
      const server = await serve(ramp(SIZE), faults);
      const { result } = await downloadWhole(server);
      // A Content-Length that is not the range's is refused before the first byte.
      expect(result.requests).toBe(framing === 'length' ? 9 : 6);
    },
  );

  it('bytes after the announced range are never used, also when less was announced than asked for', async () => {
    const server = await serve(ramp(SIZE), [shortRange({ maxBytes: 30_000 }), longBody({ extraBytes: 5000 })]);
    const { result } = await downloadWhole(server);
    expect(result.retries).toBe(0);
  });

  it('a Content-Range without a total is good enough once the size is known (T026)', async () => {
    const server = await serve(ramp(SIZE), [unknownTotal({ fromRequest: 2 })]);
    await downloadWhole(server);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
  });

  it.each([
    ['whose first Content-Range has no total (T026)', unknownTotal()],
    ['that leaves out Content-Range (T027)', missingContentRange()],
    ['that sends Content-Range twice (T028)', duplicateHeader('Content-Range')],
    ['that sends two ETags (T028)', duplicateHeader('ETag', { value: '"other"' })],
    ['that answers with multipart/byteranges (T029)', multipartByteranges()],
    ['whose Content-Length is less than its range (T030)', badContentLength({ delta: -10 })],
    ['whose Content-Length is more than its range (T030)', badContentLength({ delta: 10 })],
    ['that sends other bytes than asked for', wrongContentRange(`bytes 5-${PART + 4}/${SIZE}`)],
    ['that sends more than asked for', wrongContentRange(`bytes 0-${SIZE - 1}/${SIZE}`)],
    ['that says nonsense', wrongContentRange('bytes all of it')],
    ['that announces more than 2^53 bytes (T143)', wrongContentRange(`bytes 0-${PART - 1}/9007199254740993`)],
    ['that announces more than 2^53 bytes of a whole body (T143)', header('Content-Length', '9007199254740993')],
    ['that compresses (T129)', contentEncoding('gzip')],
    ['that compresses a thousand times (T129)', contentEncoding(Array(1000).fill('gzip').join(', '))],
    ['that sends 20 KiB of a header (T035)', hugeHeader()],
    ['that sends 10,000 headers (T128)', manyHeaders()],
    ['that sends an ETag of 1 KiB (T125)', header('ETag', `"${'x'.repeat(1024)}"`)],
    ['that sends an ETag with a quote inside (T125)', header('ETag', '"a"b"')],
    ['that sends latin-1 in its ETag (T125)', header('ETag', '"\u00e4"')],
    ['that says 100 Continue (T034)', informational(100)],
    ['that switches protocols (T034)', informational(101)],
    ['that answers 204', status(204, { times: 99 })],
    ['that answers 300', status(300, { times: 99 })],
  ])('a server %s is asked twice, and then it is a ProtocolError', async (_what, fault) => {
    const server = await serve(ramp(SIZE), [fault]);
    const error = await failureOf(download(verb, server.url));
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as Error).message).not.toMatch(/xxxx|hhhh/);
    expect(server.requests).toHaveLength(2);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each([
    ['Content-Range', missingContentRange({ part: 2, times: 1 })],
    ['ETag', header('ETag', undefined, { part: 2, times: 1 })],
    ['Content-Length', badContentLength({ delta: 7, part: 2, times: 1 })],
    ['coding', contentEncoding('br', { part: 2, times: 1 })],
    ['range', wrongContentRange(`bytes 0-${PART - 1}/${SIZE}`, { part: 2, times: 1 })],
  ])('one bad answer of one edge, with a wrong %s, is asked for again', async (_what, fault) => {
    const server = await serve(ramp(SIZE), [fault]);
    const { result } = await downloadWhole(server);
    expect(result).toMatchObject({ retries: 1, requests: 7, transferredBytes: SIZE });
  });

  it.each([
    [
      'Content-Length beside Transfer-Encoding',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ],
    ['two Content-Lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
    ['a negative Content-Length', 'Content-Length: -5\r\n\r\nhello'],
    ['a Content-Length of 20 digits', 'Content-Length: 99999999999999999999\r\n\r\nhello'],
    ['a Content-Length in hex', 'Content-Length: 0x5\r\n\r\nhello'],
    ['no head at all', '\r\n\r\n\r\n'],
    ['a head of nonsense', 'X\u0000Y\r\n: \r\n\r\n'],
  ])('%s fails within the budget and harms nothing (T031)', async (_what, rest) => {
    const range = `ETag: "x"\r\nContent-Range: bytes 0-4/5\r\nConnection: close\r\n`;
    const server = closeLater(
      await rawServer({ respond: (_, socket: Socket) => void socket.end(`HTTP/1.1 206 OK\r\n${range}${rest}`) }),
    );
    const outcome = await download(verb, server.url).catch((error: unknown) => error);
    // Where a parser accepts it, the five bytes of the announced range are all that can come of it.
    if (outcome instanceof Error)
      expect((outcome as { code?: string }).code).toMatch(/^PS_ERR_(PROTOCOL|PART_FAILED)$/);
    else expect((outcome as { bytes: Buffer }).bytes.toString()).toBe('hello');
    expect(server.requests.length).toBeLessThanOrEqual(6);
  });

  it('103 Early Hints is not the answer (T033)', async () => {
    const server = await serve(ramp(SIZE), [informational(103, { count: 3 })]);
    await downloadWhole(server);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
  });

  it('an answer that nobody asked for, on an idle connection, is never used (T052)', async () => {
    const text = `HTTP/1.1 206 X\r\nETag: "${ramp(SIZE).fingerprint}"\r\nContent-Range: bytes ${PART}-${2 * PART - 1}/${SIZE}\r\nContent-Length: ${PART}\r\n\r\n${'!'.repeat(PART)}`;
    const server = await serve(ramp(SIZE), [
      unsolicitedResponse({ afterMs: 0, text, times: 3 }),
      idleClose({ afterMs: 20 }),
    ]);
    await downloadWhole(server, SIZE, { concurrency: 2 });
  });

  it.each([500, 502, 503, 504, 429, 408])('status %s for ever fails after exactly the budget (T039)', async (code) => {
    const server = await serve(ramp(SIZE), [status(code, { part: 2, times: 99, code: 'InternalError' })]);
    const error = await failureOf(
      download(verb, server.url, { retry: { attempts: 4, baseDelayMs: 1, maxDelayMs: 2 } }),
    );
    expect(error).toBeInstanceOf(PartFailedError);
    expect(error).toMatchObject({
      attempts: 4,
      part: { index: 2, start: 2 * PART, end: 3 * PART },
      cause: { code: 'PS_ERR_STORE', statusCode: code, storeCode: 'InternalError' },
    });
    expect(rangesOf(server).filter((range) => range === `${2 * PART}-${3 * PART}`)).toHaveLength(4);
  });

  it('a store that is busy for a moment is asked again after what it says, within maxDelayMs (T038)', async () => {
    const busy = ['0', '99999999', '-5', 'abc', 'Wed, 21 Oct 2015 07:28:00 GMT'].map((retryAfter, part) =>
      status(503, { part, retryAfter, code: 'SlowDown' }),
    );
    const server = await serve(ramp(SIZE), busy);
    const { of, result } = await downloadWhole(server, SIZE, { retry: { baseDelayMs: 1, maxDelayMs: 20 } });
    expect(result.retries).toBe(5);
    for (const { delayMs } of of('partRetrying')) expect(delayMs).toBeLessThanOrEqual(20);
    expect(Math.max(...of('partRetrying').map(({ delayMs }) => delayMs))).toBe(20);
  });

  it('a store without the object is asked once', async () => {
    const server = await serve(ramp(SIZE), [removeObjectAfter({ requests: 0 })]);
    expect(await failureOf(download(verb, server.url))).toBeInstanceOf(NotFoundError);
    expect(server.requests).toHaveLength(1);
  });

  it('an object that goes away in the middle is not found; nothing is retried (T042)', async () => {
    const server = await serve(ramp(SIZE), [removeObjectAfter({ requests: 2 })]);
    expect(await failureOf(download(verb, server.url, { concurrency: 2 }))).toBeInstanceOf(NotFoundError);
    expect(server.requests.length).toBeLessThanOrEqual(4);
  });

  it.each([
    [401, AccessDeniedError],
    [403, AccessDeniedError],
    [400, StoreError],
    [501, StoreError],
  ])('status %s for a fixed URL is final at once', async (code, kind) => {
    const server = await serve(ramp(SIZE), [status(code, { times: 99, code: 'AccessDenied' })]);
    expect(await failureOf(download(verb, server.url))).toBeInstanceOf(kind);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['HTML', '<html><body>\u001b[31mgateway\u001b[0m</body></html>', 'text/html'],
    ['JSON', '{"error":"slow"}', 'application/json'],
    ['nothing', '', 'text/plain'],
    ['half a document', '<Error><Code>InternalErr', 'application/xml'],
    ['UTF-16', Buffer.from('\uFEFF<Error><Code>InternalError</Code></Error>', 'utf16le'), 'application/xml'],
    ['a megabyte', 'x'.repeat(1024 * 1024), 'text/plain'],
  ])('an error whose body is %s is an error by its status (T049)', async (_what, body, contentType) => {
    const server = await serve(ramp(SIZE), [errorBody({ status: 400, body, contentType, times: 99 })]);
    const error = (await failureOf(download(verb, server.url))) as StoreError;
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ statusCode: 400 });
    expect(error.message.length).toBeLessThan(320);
    expect(error.message).not.toContain('\u001b');
  });

  it('an object whose content is an error document is data (T050)', async () => {
    const object = bytesObject(errorXml({ Code: 'NoSuchKey', Message: 'not really' }));
    const server = await serve(object, [], { contentType: 'application/xml' });
    const { bytes } = await download(verb, server.url);
    expect(bytes).toEqual(object.slice());
  });

  it('bytes are used only at the offset that the server says they have', async () => {
    const shifted = (right: string) => right.replace(/\d+/g, (number) => String(Number(number) + 1));
    const server = await serve(ramp(SIZE), [wrongContentRange(shifted, { fromRequest: 3 })]);
    expect(await failureOf(download(verb, server.url, { concurrency: 1 }))).toBeInstanceOf(ProtocolError);
  });

  it("the difference to the store's clock is only learned from a response that complains about it", async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const server = await serve(ramp(SIZE), [
      header('Date', date),
      status(403, { request: 2, code: 'ExpiredToken', headers: { Date: date } }),
      status(403, { request: 4, code: 'RequestTimeTooSkewed', headers: { Date: date } }),
    ]);
    const offsets: number[] = [];
    const source = {
      ...{ identity: 'test', name: 'x' },
      request: async ({ clockOffsetMs }: RequestContext) => {
        offsets.push(Math.round(clockOffsetMs / 60_000));
        return { url: server.url };
      },
    };
    const { bytes } = await download(verb, source, { concurrency: 1 });
    expect(bytes.length).toBe(SIZE);
    expect(offsets).toEqual([0, 0, 0, 0, 60, 60, 60, 60]);
  });

  it('a redirect is followed for every request, and its chain is cut after five (T121)', async () => {
    const target = await serve(ramp(SIZE));
    const server = await serve(ramp(SIZE), [redirect({ to: `${target.url}?token=SECRET`, times: 99 })]);
    await downloadWhole(server);
    expect(rangesOf(target)).toEqual(partRanges(SIZE));
    expect(target.requests.every(({ path }) => path === '/object.bin?token=SECRET')).toBe(true);
    const loop = await serve(ramp(SIZE), [redirect({ to: '/object.bin', times: 99 })]);
    const error = await failureOf(download(verb, loop.url));
    expect(error).toMatchObject({ code: 'PS_ERR_REDIRECT' });
    expect(loop.requests).toHaveLength(6);
  });

  it.each([undefined, 'file:///etc/passwd', 'http://169.254.169.254/latest', 'ftp://h.example/x', 'http://[::1'])(
    'a redirect to %s is refused at once, and nothing is sent there (T120, T121)',
    async (to) => {
      const server = await serve(ramp(SIZE), [redirect({ to, times: 99 })]);
      expect(await failureOf(download(verb, server.url))).toMatchObject({ code: 'PS_ERR_REDIRECT' });
      expect(server.requests).toHaveLength(1);
    },
  );

  it('a header of the caller that the pipeline sends itself is refused (T124)', () => {
    for (const name of ['RANGE', 'If-Match', 'host', 'Accept-Encoding', 'Content-Length', 'If-Range']) {
      expect(() => http('http://h.example/x', { headers: { [name]: 'x' } })).toThrow(
        expect.objectContaining({ code: 'PS_ERR_INVALID_OPTION', option: `headers.${name}` }),
      );
    }
  });

  it("a source's headers never replace the range, the condition or the encoding that the pipeline asks for", async () => {
    const server = await serve(ramp(SIZE));
    const source = {
      identity: 'test',
      name: 'x',
      request: async ({ headers }: RequestContext) => ({
        url: server.url,
        headers: {
          ...{ range: 'bytes=0-0', 'accept-encoding': 'gzip', 'x-own': 'yes' },
          ...(headers['if-match'] !== undefined && { 'if-match': '"other"' }),
        },
      }),
    };
    const { bytes } = await download(verb, source);
    expectRamp(bytes);
    expect(rangesOf(server)).toEqual(partRanges(SIZE));
    expect(server.requests.every(({ headers }) => headers['x-own'] === 'yes')).toBe(true);
  });
});
