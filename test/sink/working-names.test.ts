import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DestinationError, downloadFile } from '../../src/index.js';
import { localName } from '../../src/sink/local-name.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { rangeServer } from '../fixtures/range-server.js';
import { temporaryDirectory } from './sink-fixture.js';

/** What it threw; undefined when it did not. */
function refusalOf(name: string): unknown {
  try {
    localName(name);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the name of an object', () => {
  it.each(['.part', '.part.checkpoint', '.part.checkpoint.new', '.part.lock', '.part.lock.new'])(
    'that ends in %s is refused: it may be the working file of another object',
    (ending) => {
      // A folder of that name would stand in the way of the other one's file.
      for (const name of [`data${ending}`, `a/data${ending}`, `data${ending}/b`]) {
        const error = refusalOf(name);
        expect(error, name).toBeInstanceOf(DestinationError);
        expect(error).toMatchObject({ reason: 'outside', message: expect.stringMatching(/give .*path/) });
      }
    },
  );

  it.each(['data.partial', 'part', 'data.part.txt', 'data.part.gz/b', 'data.lock', 'data.checkpoint'])(
    'that only looks like one is taken: %s',
    (name) => expect(localName(name).join('/')).toBe(name),
  );
});

describe('downloadFile', () => {
  it.each(['data.part', 'data.part.checkpoint', 'data.part.lock'])(
    'takes the name %s from the caller, but not from a source',
    async (name) => {
      const directory = await temporaryDirectory();
      const server = await rangeServer(ramp(1000));
      const url = server.url.replace('object.bin', name);
      const refused = downloadFile(url, { directory: join(directory, 'new') });
      await expect(refused).rejects.toMatchObject({ code: 'PS_ERR_DESTINATION', reason: 'outside' });
      expect(existsSync(join(directory, 'new'))).toBe(false);
      expect(server.requests).toEqual([]);

      const { path } = await downloadFile(url, join(directory, name));
      expect(path).toBe(join(directory, name));
      expectRamp(await readFile(join(directory, name)));
      expect(await readdir(directory)).toEqual([name]);
      await server.close();
    },
  );
});
