import { createCipheriv, createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { Agent, type Dispatcher, interceptors, MockAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { createDownloadStream, downloadFile, http, obs } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { closeLater, download, failureOf, freshPath, PART, pause, QUICK, VERBS } from './download-bench.js';
import { answering, askedRange, chunks, contentRange, head, trueAnswer } from './raw-answers.js';

const NOISE = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(1_500_000));
/** Stored objects. Decoded, one is longer than it is stored, and one is shorter. */
const STORED: [string, Buffer][] = [
  ['longer', gzipSync(NOISE.toString('hex'))],
  ['shorter', gzipSync(NOISE)],
];
const MiB = 1024 * 1024;
const ONE_REQUEST = { ...QUICK, partSize: 5 * MiB, retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 } };

function use<T extends Dispatcher>(dispatcher: T): T {
  closeLater({ close: () => (dispatcher instanceof MockAgent ? dispatcher.close() : dispatcher.destroy()) });
  return dispatcher;
}
const decoding = () => use(new Agent().compose(interceptors.decompress()));

/** A store with an object that was stored with Content-Encoding gzip. */
async function storing(stored: Buffer, framing: 'length' | 'chunks') {
  const server = await answering((asked, socket) => {
    const range = askedRange(asked, stored);
    const lines = ['ETag: "e1"', 'Content-Encoding: gzip'];
    if (framing === 'length') socket.write(trueAnswer(asked, stored, ...lines));
    else {
      socket.write(head('206 Partial', contentRange(range, stored.length), ...lines, 'Transfer-Encoding: chunked'));
      socket.write(chunks(stored.subarray(range.start, range.end)));
    }
  });
  const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK' };
  const source = obs({ endpoint: `http://127.0.0.1:${server.port}`, bucket: 'films', key: 'k', credentials });
  return { server, source };
}

describe.each(STORED)('a dispatcher that decodes an object to a %s one', (kind, stored) => {
  it.each(['length', 'chunks'] as const)(
    'of a body that a dispatcher has decoded no byte is used, and it is not cut to its range: %s',
    async (framing) => {
      for (const partSize of [PART, 5 * MiB]) {
        const { source } = await storing(stored, framing);
        const stream = createDownloadStream(source, { ...ONE_REQUEST, partSize, dispatcher: decoding() });
        let arrived = 0;
        stream.on('data', (bytes: Buffer) => {
          arrived += bytes.length;
        });
        stream.on('error', () => {});
        const error = await failureOf(stream.result);
        expect(arrived).toBe(0);
        if (kind === 'longer') expect(error).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
      }
    },
  );

  it.each(['length', 'chunks'] as const)('leaves nothing that another call would use: %s', async (framing) => {
    const { source } = await storing(stored, framing);
    const path = freshPath();
    await failureOf(downloadFile(source, path, { ...ONE_REQUEST, dispatcher: decoding() }));
    const result = await downloadFile(source, path, { ...ONE_REQUEST, expectedChecksum: md5Of(stored) });
    expect(result).toMatchObject({ resumedBytes: 0, verification: { scope: 'object' } });
  });

  it('is refused by http() as well, where nothing says that the body was encoded', async () => {
    const { server } = await storing(stored, 'length');
    const options = { ...ONE_REQUEST, dispatcher: decoding() };
    await failureOf(downloadFile(http(server.url), freshPath(), options));
  });
});

function md5Of(bytes: Buffer) {
  return { algorithm: 'md5', value: createHash('md5').update(bytes).digest('hex') } as const;
}

describe.each(VERBS)("%s over a caller's dispatcher, of parts that tell no length", (verb) => {
  const DATA = ramp(5 * PART + 1234).slice();
  const rangeHead = (asked: Parameters<typeof askedRange>[0]) =>
    head('206 Partial', 'ETag: "e1"', contentRange(askedRange(asked, DATA), DATA.length), 'Transfer-Encoding: chunked');
  const bodyOf = (asked: Parameters<typeof askedRange>[0]) => {
    const { start, end } = askedRange(asked, DATA);
    return DATA.subarray(start, end);
  };

  it.each([
    ['an Agent', () => use(new Agent())],
    ['one that decodes', decoding],
  ])('brings the right bytes: %s', async (_what, make) => {
    const server = await answering((asked, socket) => {
      socket.write(rangeHead(asked));
      socket.write(chunks(bodyOf(asked)));
    });
    const { bytes, result } = await download(verb, server.url, { dispatcher: make() });
    expect(bytes.equals(DATA)).toBe(true);
    expect(result).toMatchObject({ requests: 6, retries: 0 });
  });

  it('asks once more for one that was cut', async () => {
    const server = await answering((asked, socket) => {
      socket.write(rangeHead(asked));
      if (asked.number % 2 === 0) socket.write(chunks(bodyOf(asked)));
      else socket.end(chunks(bodyOf(asked).subarray(0, 1000), false));
    });
    const { bytes } = await download(verb, server.url, { dispatcher: use(new Agent()), hedge: false });
    expect(bytes.equals(DATA)).toBe(true);
  });

  it.each(['with the others', 'later'])(
    'refuses one that is longer than its range: the last byte comes %s',
    async (when) => {
      const last = Buffer.from('x');
      const server = await answering((asked, socket) => {
        socket.write(rangeHead(asked));
        if (when === 'later') {
          socket.write(chunks(bodyOf(asked), false));
          void pause(20).then(() => socket.write(chunks(last)));
        } else socket.write(chunks(Buffer.concat([bodyOf(asked), last])));
      });
      const error = await failureOf(download(verb, server.url, { dispatcher: use(new Agent()) }));
      expect(error).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
    },
  );

  it('brings the right bytes of a MockAgent', async () => {
    const agent = use(new MockAgent());
    agent.disableNetConnect();
    agent
      .get('http://store.example')
      .intercept({ path: '/o', method: 'GET' })
      .reply((options) => {
        const [, start = '', end = ''] =
          /(\d+)-(\d+)/.exec((options.headers as Record<string, string>).range ?? '') ?? [];
        const range = { start: Number(start), end: Math.min(Number(end) + 1, DATA.length) };
        const [name = '', value = ''] = contentRange(range, DATA.length).split(': ');
        return {
          statusCode: 206,
          data: DATA.subarray(range.start, range.end),
          responseOptions: { headers: { etag: '"e1"', [name]: value } },
        };
      })
      .persist();
    const { bytes } = await download(verb, 'http://store.example/o', { dispatcher: agent });
    expect(bytes.equals(DATA)).toBe(true);
  });

  it.each(['noEtag', 'weakEtag'])('brings a small object without a strong ETag, cut once: %s', async (kind) => {
    const etag = kind === 'noEtag' ? [] : ['ETag: W/"w"'];
    const small = DATA.subarray(0, PART - 5);
    const server = await answering((asked, socket) => {
      const range = askedRange(asked, small);
      socket.write(head('206 Partial', ...etag, contentRange(range, small.length), 'Transfer-Encoding: chunked'));
      if (asked.number > 1) socket.write(chunks(small.subarray(range.start, range.end)));
      else socket.end(chunks(small.subarray(0, 1000), false));
    });
    const { bytes, result } = await download(verb, server.url, { dispatcher: use(new Agent()) });
    expect(bytes.equals(small)).toBe(true);
    expect(result.requests).toBe(2);
  });

  it('refuses a longer one that continues a small object without an ETag', async () => {
    const small = DATA.subarray(0, PART - 5);
    const server = await answering((asked, socket) => {
      socket.write(
        head('206 Partial', contentRange(askedRange(asked, small), small.length), 'Transfer-Encoding: chunked'),
      );
      if (asked.number > 1) socket.write(chunks(Buffer.concat([small, Buffer.from('x')])));
      else socket.end(chunks(small.subarray(0, 1000), false));
    });
    const error = await failureOf(download(verb, server.url, { dispatcher: use(new Agent()) }));
    expect(error).toMatchObject({ code: 'PS_ERR_PROTOCOL' });
  });
});
