import { describe, expect, it } from 'vitest';
import type { ObjectSource } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { download, failureOf, VERBS } from './download-bench.js';
import { answering, head, trueAnswer } from './raw-answers.js';

const DATA = ramp(1000).slice();
const GIVEN: [string, () => unknown][] = [
  ['Headers', () => new Headers({ 'x-mine': 'SECRET0123456789' })],
  ['pairs', () => [['x-mine', 'SECRET0123456789']]],
  ['a Map', () => new Map([['x-mine', 'SECRET0123456789']])],
  ['text', () => 'x-mine: SECRET0123456789'],
  ['null', () => null],
];

/** As a caller without types may write them. */
function source(parts: object): ObjectSource {
  return { identity: 'mine://o', name: 'o', ...parts } as unknown as ObjectSource;
}

describe.each(VERBS)('%s of a source whose headers are', (verb) => {
  it.each(GIVEN)('%s is refused before any request, not sent without them', async (_what, make) => {
    const server = await answering((asked, socket) => socket.write(trueAnswer(asked, DATA, 'ETag: "e"')));
    const error = await failureOf(
      download(verb, source({ request: async () => ({ url: server.url, headers: make() }) })),
    );
    expect(error).toMatchObject({ code: 'PS_ERR_INVALID_OPTION', option: 'source.headers' });
    expect(String(error)).not.toContain('SECRET');
    expect(server.requests).toHaveLength(0);
  });

  it('Headers for a redirect is refused before it is followed', async () => {
    const server = await answering((_asked, socket) => {
      socket.write(head('302 Found', 'Location: /moved', 'Content-Length: 0'));
    });
    const odd = source({
      request: async () => ({ url: server.url, headers: { 'x-mine': 'a' } }),
      follow: async (url: string) => ({ url, headers: new Headers({ 'x-mine': 'a' }) }),
    });
    expect(await failureOf(download(verb, odd))).toMatchObject({ option: 'source.headers' });
    expect(server.requests).toHaveLength(1);
  });

  it('in an object without a prototype, or of a class of its own, are sent', async () => {
    class Mine {
      readonly 'x-mine' = 'a';
    }
    for (const headers of [Object.assign(Object.create(null), { 'x-mine': 'a' }), new Mine()]) {
      const server = await answering((asked, socket) => socket.write(trueAnswer(asked, DATA, 'ETag: "e"')));
      const { bytes } = await download(verb, source({ request: async () => ({ url: server.url, headers }) }));
      expect(bytes.equals(DATA)).toBe(true);
      expect(server.requests[0]).toContain('x-mine: a');
    }
  });
});
