/** publish() called more than once: by two places of a program that each believe that it is theirs to call. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/errors.js';
import { sleep } from '../../src/time.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const bytes = rampBytes(2 * MiB);

describe('publish()', () => {
  it.each([
    [true, 0],
    [true, 1],
    [true, 3],
    [false, 0],
    [false, 1],
    [false, 3],
  ])(
    'that is called while it runs settles with the call before (overwrite: %s, %i ms later)',
    async (overwrite, ms) => {
      const directory = await temporaryDirectory();
      const sink = await openSink(join(directory, 'a'), objectOf(bytes.length), { overwrite });
      await feed(sink, chunksOf(bytes));
      const first = sink.publish();
      if (ms > 0) await sleep(ms);
      const outcomes = await Promise.allSettled([first, sink.publish(), sink.publish()]);
      expect(outcomes[0]?.status).toBe('fulfilled');
      // Later the first call may have ended: then the sink is closed, as ever.
      if (ms === 0) expect(outcomes.map(({ status }) => status)).toEqual(Array(3).fill('fulfilled'));
      expect(await readdir(directory)).toEqual(['a']);
      expect((await readFile(join(directory, 'a'))).equals(bytes)).toBe(true);
      await expect(sink.publish()).rejects.toBeInstanceOf(CheckpointError);
    },
  );

  it('that failed for want of bytes can be called again', async () => {
    const path = join(await temporaryDirectory(), 'a');
    const sink = await openSink(path, objectOf(bytes.length));
    await feed(sink, chunksOf(bytes, [{ start: 0, end: MiB }]));
    const twice = await Promise.allSettled([sink.publish(), sink.publish()]);
    expect(twice.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await feed(sink, chunksOf(bytes, [{ start: MiB, end: 2 * MiB }]));
    await sink.publish();
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });
});
