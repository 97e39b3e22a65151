/** Who may read a published file is decided by the umask of the host, which belongs to the host. */

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { chunksOf, feed, MiB, objectOf, openSink, rampBytes, temporaryDirectory } from './sink-fixture.js';

const bytes = rampBytes(MiB);
const isToldBySystem = existsSync('/proc/self/status');

afterEach(() => {
  vi.restoreAllMocks();
});

it.skipIf(!isToldBySystem).each([0o000, 0o022, 0o027, 0o077])(
  'the umask of the host is not touched where it can be read: %o',
  async (umask) => {
    const path = join(await temporaryDirectory(), 'file');
    const before = process.umask(umask);
    try {
      const asked = vi.spyOn(process, 'umask');
      const sink = await openSink(path, objectOf(MiB));
      await feed(sink, chunksOf(bytes));
      await sink.publish();
      expect(asked).not.toHaveBeenCalled();
      expect((await stat(path)).mode & 0o777).toBe(0o644 & ~umask);
    } finally {
      vi.restoreAllMocks();
      process.umask(before);
    }
  },
);
