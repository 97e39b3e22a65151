/** A DiskError has what the system said as its cause, not another DiskError: who handles ENOSPC looks there. */

import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { faultyFileOps, systemError } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const bytes = rampBytes(3 * MiB);

/** Leaves a file that was begun, and begun again so often that its journal is rewritten by the next one. */
async function leave(times: number): Promise<string> {
  const path = join(await temporaryDirectory(), 'file');
  for (let time = 0; time < times; time++) {
    const sink = await openSink(path, objectOf(bytes.length));
    await feed(sink, chunksOf(bytes, [{ start: 0, end: MiB }]));
    await sink.close();
  }
  return path;
}

it.each([
  ['begun', 1],
  ['begun many times', 20],
])('whichever call fails when a file that was %s is gone on with', async (_how, times) => {
  const path = await leave(times);
  const kept = ['.part', '.part.checkpoint'];
  for (const ending of kept) await copyFile(path + ending, `${path}.kept${ending}`);
  let failures = 0;
  for (let isOver = false, failAt = 1; !isOver; failAt++) {
    let calls = 0;
    const fileOps = faultyFileOps(({ path: of }) => {
      // What the lock does with it is another matter.
      if (!of.includes('.lock') && ++calls === failAt) throw systemError('EDQUOT');
    });
    const opened = await openSink(path, objectOf(bytes.length), { fileOps }).catch((error: unknown) => error);
    isOver = calls < failAt;
    if (opened instanceof Error) {
      expect(opened, `call ${failAt}`).toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EDQUOT' } });
      failures += 1;
    } else await (opened as Awaited<ReturnType<typeof openSink>>).close();
    for (const ending of kept) await copyFile(`${path}.kept${ending}`, path + ending);
  }
  expect(failures).toBeGreaterThan(10);
});
