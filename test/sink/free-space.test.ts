/** How much space has to be there before anything is fetched (T081). */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { faultyFileOps } from './faulty-file-ops.js';
import { MiB, objectOf, openSink, temporaryDirectory } from './sink-fixture.js';

const GiB = 1024 * MiB;

async function openWith(size: number, free: number) {
  const path = join(await temporaryDirectory(), 'file');
  return await openSink(path, objectOf(size), { fileOps: { ...faultyFileOps(), freeBytes: async () => free } });
}

it.each([10 * GiB, 100 * GiB, 1024 * GiB])('a large file of %i bytes needs its own size and 64 MiB', async (size) => {
  await openWith(size, size + 64 * MiB);
  const refused = openWith(size, size + 63 * MiB);
  await expect(refused).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
});

it.each([MiB, 100 * MiB, GiB])(
  'a file of %i bytes needs no more than a twentieth beside its own size',
  async (size) => {
    await openWith(size, Math.ceil(size * 1.05));
    const refused = openWith(size, size);
    await expect(refused).rejects.toMatchObject({ code: 'PS_ERR_DISK', cause: { code: 'ENOSPC' } });
  },
);
