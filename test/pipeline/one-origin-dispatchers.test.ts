import { Agent, Client, type Dispatcher, Pool } from 'undici';
import { describe, expect, it } from 'vitest';
import { ramp } from '../fixtures/ramp.js';
import { closeLater, download, failureOf, PART, VERBS } from './download-bench.js';
import { answering, head, trueAnswer } from './raw-answers.js';

const DATA = ramp(2 * PART).slice();
const OTHER = ramp(2 * PART, 100).slice();

/** Ends what still runs, too. */
function use<T extends Dispatcher>(dispatcher: T): T {
  closeLater({ close: () => dispatcher.destroy() });
  return dispatcher;
}

/** Redirects one path to a server of the object; at the same path as there it has another object. */
async function redirecting() {
  const store = await answering((asked, socket) => socket.write(trueAnswer(asked, DATA, 'ETag: "right"')));
  const target = `http://127.0.0.1:${store.port}/moved`;
  const front = await answering((asked, socket) => {
    const moved = head('302 Found', `Location: ${target}`, 'Content-Length: 0');
    socket.write(asked.path === '/object.bin' ? moved : trueAnswer(asked, OTHER, 'ETag: "wrong"'));
  });
  return { store, front, origin: `http://127.0.0.1:${front.port}` };
}

const MAKERS: [string, (origin: string) => Dispatcher][] = [
  ['a Pool', (origin) => new Pool(origin)],
  ['a Client', (origin) => new Client(origin)],
  [
    'a composed Pool',
    (origin) => new Pool(origin).compose((dispatch) => (options, handler) => dispatch(options, handler)),
  ],
];

describe.each(VERBS)('%s over a dispatcher of one origin', (verb) => {
  it.each(MAKERS)('a redirect to another origin is never answered by the first one: %s', async (_what, make) => {
    const { store, front, origin } = await redirecting();
    const error = await failureOf(download(verb, front.url, { dispatcher: use(make(origin)) }));
    expect(error).toMatchObject({ code: 'PS_ERR_INVALID_OPTION', option: 'dispatcher' });
    expect(front.requests).toHaveLength(1);
    expect(store.requests).toHaveLength(0);
  });

  it('follows there with an Agent', async () => {
    const { front } = await redirecting();
    const { bytes } = await download(verb, front.url, { dispatcher: use(new Agent()) });
    expect(bytes.equals(DATA)).toBe(true);
  });

  it.each(MAKERS)('follows within the origin, and back to it: %s', async (_what, make) => {
    const server = await answering((asked, socket) => {
      const moved = head('302 Found', 'Location: /moved', 'Content-Length: 0');
      socket.write(asked.path === '/object.bin' ? moved : trueAnswer(asked, DATA, 'ETag: "right"'));
    });
    const dispatcher = use(make(`http://127.0.0.1:${server.port}`));
    const { bytes } = await download(verb, server.url, { dispatcher });
    expect(bytes.equals(DATA)).toBe(true);
  });

  it.each(MAKERS)('may serve another origin than the one of the source, like a gateway: %s', async (_what, make) => {
    const gateway = await answering((asked, socket) => {
      const moved = head('302 Found', 'Location: http://store.example/moved', 'Content-Length: 0');
      socket.write(asked.path === '/o' ? moved : trueAnswer(asked, DATA, 'ETag: "right"'));
    });
    const dispatcher = use(make(`http://127.0.0.1:${gateway.port}`));
    const { bytes } = await download(verb, 'http://store.example/o', { dispatcher });
    expect(bytes.equals(DATA)).toBe(true);
  });
});
