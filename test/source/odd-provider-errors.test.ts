import { describe, expect, it } from 'vitest';
import { AccessDeniedError, discoverObject, http, obs } from '../../src/index.js';
import { redactCause } from '../../src/redact.js';
import { failureOf } from '../pipeline/download-bench.js';

/** What somebody else's code may throw. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  'an object without a prototype': () => Object.create(null),
  'an object whose text throws': () => ({
    toString() {
      throw new Error('no text');
    },
  }),
  'an error whose message is an object': () => Object.assign(new Error('x'), { message: { status: 500 } }),
  'an error whose message throws': () =>
    Object.defineProperty(new Error('x'), 'message', {
      get() {
        throw new Error('no message');
      },
    }),
  'an error whose name is a symbol': () => Object.assign(new Error('x'), { name: Symbol('name') }),
  'an error whose name is many lines': () =>
    Object.assign(new Error('x'), { name: `a\r\n\u001b[31m${'b'.repeat(300)}` }),
};

describe.each(Object.entries(THROWN))('a provider that throws %s', (_what, thrown) => {
  it('is an error of this library, with a cause that can be read', async () => {
    const provider = () => {
      throw thrown();
    };
    const place = { endpoint: 'http://127.0.0.1:9', bucket: 'films', key: 'k' };
    for (const source of [obs({ ...place, credentials: provider }), http(provider)]) {
      const error = await failureOf(discoverObject(source));
      expect(error).toBeInstanceOf(AccessDeniedError);
      const cause = (error as Error).cause as Error;
      expect(cause).toBeInstanceOf(Error);
      expect(typeof cause.message).toBe('string');
      expect(cause.name).toMatch(/^.{1,64}$/);
    }
  });

  it('whatever was thrown, this throws nothing', () => {
    expect(redactCause(thrown())).toBeInstanceOf(Error);
  });
});
