/** What a caller of openCheckpointSink() can do to it: wrong options, listeners that throw, a sink that is corked. */

import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/errors.js';
import { type CheckpointSinkOptions, openCheckpointSink } from '../../src/index.js';
import { runInChild } from './child-run.js';
import { chunksOf, feed, MiB, objectOf, rampBytes, temporaryDirectory } from './sink-fixture.js';

const SIZE = 2 * MiB;
const bytes = rampBytes(SIZE);

describe('an option', () => {
  it.each([
    ['signal', {}],
    ['signal', new AbortController()],
    ['onCheckpointed', 'a name'],
    ['onCheckpointed', true],
    ['onObjectChanged', {}],
  ])('%s is refused before any file is touched when it is %o', async (option, value) => {
    const directory = await temporaryDirectory();
    const options = { [option]: value } as CheckpointSinkOptions;
    const error = await openCheckpointSink(join(directory, 'a'), objectOf(SIZE), options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option });
    expect(await readdir(directory)).toEqual([]);
  });

  it.each(['signal', 'onCheckpointed', 'onObjectChanged'])('%s may be undefined', async (option) => {
    const path = join(await temporaryDirectory(), 'a');
    const sink = await openCheckpointSink(path, objectOf(SIZE), { [option]: undefined });
    await sink.close();
  });
});

describe('a listener', () => {
  const problem = new Error('a bug in a progress bar');
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw problem;
      },
    ],
    ['rejects', () => Promise.reject(problem)],
  ])('that %s harms nothing: it is a process warning', async (_, listener) => {
    const path = join(await temporaryDirectory(), 'a');
    const left = await openCheckpointSink(path, objectOf(SIZE, { etag: '"old"' }));
    await feed(left, chunksOf(bytes, [{ start: 0, end: MiB }]));
    await left.close();

    const changed = once(process, 'warning');
    const options = { onCheckpointed: listener, onObjectChanged: listener } as CheckpointSinkOptions;
    const sink = await openCheckpointSink(path, objectOf(SIZE), options);
    expect(String((await changed)[0])).toMatch(/^DownloadListenerWarning: .*progress bar/);
    const recorded = once(process, 'warning');
    await feed(sink, chunksOf(bytes));
    expect(String((await recorded)[0])).toMatch(/^DownloadListenerWarning/);
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });
});

describe('a sink that is corked', () => {
  // In a child: a loop that never lets go would take the tests with it.
  it.each(['', 'cork(); sink.cork(); sink.'])('writes what it holds when it is flushed (%j)', async (more) => {
    const path = join(await temporaryDirectory(), 'a');
    const { output } = await runInChild(`
      const { openCheckpointSink } = await load('src/index.ts');
      const sink = await openCheckpointSink(${JSON.stringify(path)}, { size: 5, metadata: {}, headers: {}, etag: '"x"' });
      sink.${more}cork();
      sink.write({ offset: 0, bytes: Buffer.from('he'), release() {} });
      sink.write({ offset: 2, bytes: Buffer.from('llo'), release() {} });
      await sink.flush();
      console.log(JSON.stringify(sink.completed));
      await sink.publish();
    `);
    expect(output).toBe('[{"start":0,"end":5}]');
    expect(await readFile(path, 'utf8')).toBe('hello');
  });
});
