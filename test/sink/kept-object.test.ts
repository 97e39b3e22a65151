/** An object that a program kept for later, and opens a sink for then. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpointSink } from '../../src/index.js';
import { objectOf, temporaryDirectory } from './sink-fixture.js';

it('an object that went through JSON, whose Date is a text, is refused before any file is touched', async () => {
  const directory = await temporaryDirectory();
  const object = objectOf(5, { lastModified: new Date(1_700_000_000_000) });
  const kept = JSON.parse(JSON.stringify(object));
  await expect(openCheckpointSink(join(directory, 'a'), kept)).rejects.toMatchObject({
    code: 'PS_ERR_INVALID_OPTION',
    option: 'object',
  });
  expect(await readdir(directory)).toEqual([]);
  const sink = await openCheckpointSink(join(directory, 'a'), structuredClone(object));
  await sink.close();
});
