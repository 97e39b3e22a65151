import { Agent, type Dispatcher, interceptors, RetryAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { ramp } from '../fixtures/ramp.js';
import { closeLater, download, failureOf, PART, VERBS } from './download-bench.js';
import { answering, askedRange, contentRange, head, trueAnswer } from './raw-answers.js';

const OLD = ramp(2 * PART, 1).slice();
const NEW = ramp(2 * PART, 2).slice();
const ALL = { partSize: 5 * PART, hedge: false };
const QUICKLY = { minTimeout: 1, maxTimeout: 1 };

function use<T extends Dispatcher>(dispatcher: T): T {
  closeLater({ close: () => dispatcher.destroy() });
  return dispatcher;
}
const CONTINUING: [string, () => Dispatcher][] = [
  ['RetryAgent', () => use(new RetryAgent(use(new Agent()), QUICKLY))],
  ['the retry interceptor', () => use(new Agent().compose(interceptors.retry(QUICKLY)))],
];

/** The first answer is cut after half a part; from then on `later` is served. */
const cutOnce = (later: Buffer, tag: (data: Buffer) => string[]) =>
  answering((asked, socket) => {
    if (asked.number > 1) {
      socket.write(trueAnswer(asked, later, ...tag(later)));
      return;
    }
    const range = askedRange(asked, OLD);
    const length = `Content-Length: ${range.end - range.start}`;
    socket.write(head('206 Partial Content', contentRange(range, OLD.length), length, ...tag(OLD)));
    socket.end(OLD.subarray(0, PART / 2));
  });

describe.each(CONTINUING)('%s that continues a cut body', (_name, dispatcher) => {
  describe.each(VERBS)('%s', (verb) => {
    it.each([
      ['a weak ETag', (data: Buffer) => [`ETag: W/"${data === OLD ? 'old' : 'new'}"`]],
      ['no ETag', () => []],
    ])(
      'bytes are used only of the response whose head was checked, also where a dispatcher goes on with another one: %s',
      async (_what, tag) => {
        const server = await cutOnce(NEW, tag);
        const error = await failureOf(download(verb, server.url, { ...ALL, dispatcher: dispatcher() }));
        expect(error).toMatchObject({ code: 'PS_ERR_OBJECT_CHANGED' });
      },
    );

    it.each([
      ['a strong ETag', ['ETag: "e1"']],
      ['a weak ETag', ['ETag: W/"e1"']],
      ['no ETag', []],
    ])('goes on by itself where the object is the same: %s', async (_what, tag) => {
      const server = await cutOnce(OLD, () => tag);
      const { bytes } = await download(verb, server.url, { ...ALL, dispatcher: dispatcher() });
      expect(bytes.equals(OLD)).toBe(true);
    });
  });
});
