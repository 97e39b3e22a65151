import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runInChild } from './child-run.js';

it('a lock works once there are descriptors again, although proper-lockfile could not be loaded for want of them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'lock-after-failure-'));
  const { output } = await runInChild(`
    import fs from 'node:fs';
    const { acquireDestinationLock } = await load('src/sink/lock.ts');
    const place = { path: ${JSON.stringify(directory)} + '/a', lockPath: ${JSON.stringify(directory)} + '/a.part.lock' };
    const tryToLock = () => acquireDestinationLock(place, { waitMs: 0 }).then((lock) => lock.release());
    const held = [];
    try { for (;;) held.push(fs.openSync('/dev/null')); } catch {}
    const failure = await tryToLock().catch((error) => error);
    for (const fd of held) fs.closeSync(fd);
    await tryToLock();
    // The cause is EMFILE, or what Node makes of it: 24 calls the package.json invalid.
    console.log(failure?.code, 'locked');
  `);
  expect(output).toBe('PS_ERR_DISK locked');
  await rm(directory, { recursive: true });
});
