/** The end of a sink lets everything go, whatever the disk refuses. */

import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { failing, faultyFileOps } from './faulty-file-ops.js';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

it.each(['EPERM', 'EIO', 'EROFS'])(
  'a temporary file that cannot be removed (%s) is closed all the same',
  async (code) => {
    const path = join(await temporaryDirectory(), 'file');
    const fileOps = faultyFileOps();
    const sink = await openSink(path, objectOf(2 * MiB), { checkpoint: false, fileOps });
    await feed(sink, chunksOf(rampBytes(MiB)));
    fileOps.before = failing('unlink', '.part', code);
    await sink.close();
    expect(fileOps.openFiles).toBe(0);
    // Nothing of it is in the way of the next one.
    fileOps.before = () => undefined;
    await (await openSink(path, objectOf(2 * MiB), { fileOps })).close();
    expect(fileOps.openFiles).toBe(0);
  },
);

it('a published file whose other name cannot be removed is closed all the same', async () => {
  const path = join(await temporaryDirectory(), 'file');
  const fileOps = faultyFileOps();
  const sink = await openSink(path, objectOf(MiB), { fileOps });
  await feed(sink, chunksOf(rampBytes(MiB)));
  // As after a crash between the last two steps of publishing without overwrite.
  fileOps.before = failing('unlink', '.checkpoint', 'EIO');
  await sink.publish();
  await link(path, `${path}.part`);
  fileOps.before = failing('unlink', '.part', 'EPERM');
  const again = openSink(path, objectOf(MiB), { fileOps });
  await expect(again).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'EPERM' } });
  expect(fileOps.openFiles).toBe(0);
});
