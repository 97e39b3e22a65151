import { Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { createDownloadStream } from '../../src/index.js';
import { status } from '../fixtures/answer-faults.js';
import { cut } from '../fixtures/connection-faults.js';
import { bytesObject, ramp } from '../fixtures/ramp.js';
import { download, failureOf, QUICK, serve, VERBS } from './download-bench.js';

const LIMITS = { retry: { attempts: 2, baseDelayMs: 1 }, timeouts: { connectMs: 100, headersMs: 100, stallMs: 100 } };
const controller = { pause() {}, resume() {}, abort() {} } as unknown as Dispatcher.DispatchController;

/** A dispatcher that takes every request and calls back as it likes. */
class Odd extends Dispatcher {
  readonly #answer: (handler: Dispatcher.DispatchHandler) => void;
  constructor(answer: (handler: Dispatcher.DispatchHandler) => void) {
    super();
    this.#answer = answer;
  }
  override dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.#answer(handler);
    return true;
  }
}

describe("behind a caller's dispatcher no wait is endless", () => {
  it.each<[string, (handler: Dispatcher.DispatchHandler) => void, string]>([
    ['nothing is ever called back', () => {}, 'connect'],
    [
      'the body falls silent and the start was never told',
      (handler) =>
        setImmediate(() => {
          handler.onResponseStart?.(controller, 200, { 'content-length': '1000' }, 'OK');
          handler.onResponseData?.(controller, Buffer.alloc(10));
        }),
      'stall',
    ],
  ])('where %s', async (_where, answer, phase) => {
    const stream = createDownloadStream('http://127.0.0.1:9/x', { ...LIMITS, dispatcher: new Odd(answer) });
    const error = (await failureOf(stream.toArray())) as Error & { phase?: string };
    expect(error.phase ?? (error.cause as { phase?: string }).phase).toBe(phase);
  });
});

describe.each(VERBS)('%s of an object that answers 416 to everything', (verb) => {
  it.each([
    ['HEAD tells a length', []],
    ['HEAD is refused', [status(403, { method: 'HEAD', times: 99 })]],
  ])('fails after a few requests where %s', async (_where, faults) => {
    const server = await serve(ramp(1000), [...faults, status(416, { method: 'GET', times: 999 })]);
    expect(await failureOf(download(verb, server.url, QUICK))).toMatchObject({ statusCode: 416 });
    expect(server.requests.length).toBeLessThan(5);
  });
});

describe.each(VERBS)('%s of an empty object', (verb) => {
  it('does without a HEAD that the server does not know', async () => {
    const server = await serve(bytesObject(''), [status(404, { method: 'HEAD', times: 99 })]);
    const { bytes, result } = await download(verb, server.url);
    expect(bytes).toHaveLength(0);
    expect(result.object.size).toBe(0);
  });
});

describe.each(VERBS)('%s of a range of an object without an ETag, cut', (verb) => {
  it('asks for that range again, and for no more', async () => {
    const server = await serve(ramp(3_000_000), [cut({ request: 1, afterBytes: 1000 })], { noEtag: true });
    const range = { start: 2_000_000, end: 2_500_000 };
    const { bytes, result } = await download(verb, server.url, { partSize: 1_000_000, range });
    expect(bytes).toHaveLength(500_000);
    expect(result.transferredBytes).toBeLessThan(600_000);
  });
});
