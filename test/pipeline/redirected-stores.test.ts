import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { downloadFile, type ObjectSource, obs, s3 } from '../../src/index.js';
import { bytesObject, ramp } from '../fixtures/ramp.js';
import { download, failureOf, freshPath, PART, VERBS } from './download-bench.js';
import { answering, head, trueAnswer } from './raw-answers.js';

const OBJECT = ramp(3 * PART + 1);
const DATA = OBJECT.slice();
/** Not the MD5 of anything here. */
const HEX_ETAG = 'ETag: "0123456789abcdef0123456789abcdef"';

const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK' };
const STORES: [string, (port: number) => ObjectSource][] = [
  ['obs()', (port) => obs({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials })],
  ['s3()', (port) => s3({ endpoint: `http://127.0.0.1:${port}`, bucket: 'films', key: 'k', credentials })],
];

/** A store that redirects to a mirror that is not its own, where the object is `data` with these headers. */
async function mirrored(data: Buffer, ...headers: string[]): Promise<{ port: number }> {
  const mirror = await answering((asked, socket) => socket.write(trueAnswer(asked, data, ...headers)));
  return answering((_asked, socket) =>
    socket.write(head('302 Found', 'Server: OBS', `Location: ${mirror.url}`, 'Content-Length: 0')),
  );
}

describe.each(STORES)('%s that redirects to a place that is not its own', (_store, sourceAt) => {
  it.each(VERBS)('takes no ETag of that place for an MD5: %s', async (verb) => {
    const { port } = await mirrored(DATA, HEX_ETAG, 'Server: OBS');
    const { bytes, result } = await download(verb, sourceAt(port));
    expect(bytes.equals(DATA)).toBe(true);
    expect(result.verification.scope).toBe('none');
  });

  it('compares a checksum that names its algorithm there', async () => {
    const { port } = await mirrored(DATA, HEX_ETAG, `x-obs-checksum-crc64ecma: ${OBJECT.crc64ecma()}`);
    const { result } = await download('downloadFile', sourceAt(port), { verify: 'require' });
    expect(result.verification).toMatchObject({ scope: 'object', algorithm: 'crc64ecma' });
    const wrong = await mirrored(DATA, HEX_ETAG, 'x-obs-checksum-crc64ecma: 1');
    expect(await failureOf(download('downloadFile', sourceAt(wrong.port)))).toMatchObject({ code: 'PS_ERR_CHECKSUM' });
  });

  it('takes nothing for stored that is encoded there', async () => {
    const { port } = await mirrored(gzipSync(DATA), 'ETag: "g"', 'Content-Encoding: gzip');
    const error = await failureOf(downloadFile(sourceAt(port), freshPath(), { retry: { baseDelayMs: 1 } }));
    expect(error).toMatchObject({ code: 'PS_ERR_PROTOCOL', message: expect.stringContaining('encoded') });
  });

  it('says so about an empty object, too', async () => {
    const mirror = await answering(({ method }, socket) =>
      socket.write(
        method === 'HEAD'
          ? head('200 OK', HEX_ETAG, 'Server: OBS', 'Content-Length: 0')
          : head('416 No', 'Content-Range: bytes */0', 'Content-Length: 0'),
      ),
    );
    const { port } = await answering((_asked, socket) =>
      socket.write(head('302 Found', `Location: ${mirror.url}`, 'Content-Length: 0')),
    );
    const { bytes, result } = await download('downloadFile', sourceAt(port));
    expect(bytes).toHaveLength(0);
    expect(result.verification.scope).toBe('none');
  });

  it('goes by its own ETag and encoding where it redirects within itself', async () => {
    const stored = gzipSync(DATA);
    const md5 = createHash('md5').update(stored).digest('hex');
    const { port } = await answering((asked, socket) => {
      const moved = head('307 Moved', 'Location: /films/moved', 'Content-Length: 0');
      const answer = trueAnswer(asked, stored, `ETag: "${md5}"`, 'Server: OBS', 'Content-Encoding: gzip');
      socket.write(asked.path === '/films/moved' ? answer : moved);
    });
    const { bytes, result } = await download('downloadFile', sourceAt(port));
    expect(bytes.equals(stored)).toBe(true);
    expect(result.verification).toMatchObject({ scope: 'object', algorithm: 'md5' });
    expect(bytesObject(stored).md5()).toBe(md5);
  });
});

describe('a source of the caller', () => {
  it.each([
    ['its own place', false, 'source'],
    ['another place', true, 'elsewhere'],
  ] as const)('is told who answered: %s', async (_what, isMoved, answeredBy) => {
    const store = await answering((asked, socket) => socket.write(trueAnswer(asked, DATA, 'ETag: "e1"')));
    const front = await answering((_asked, socket) =>
      socket.write(head('302 Found', `Location: ${store.url}`, 'Content-Length: 0')),
    );
    const told: unknown[] = [];
    const source: ObjectSource = {
      identity: 'mine://o',
      name: 'o',
      request: async () => ({ url: isMoved ? front.url : store.url }),
      checksum(_headers, by) {
        told.push(by);
        return undefined;
      },
    };
    await download('downloadFile', source);
    expect([...new Set(told)]).toEqual([answeredBy]);
  });
});
