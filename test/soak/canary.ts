/**
 * T158: downloads real objects, where a user gives it some, and compares their SHA-256. Never run by CI: it talks to
 * whatever the user names.
 *
 *     CANARY='[{"url":"https://bucket.example.com/1-mib","sha256":"…"}]' npm run test:canary
 *
 * An entry has `url`, or `obs` or `s3` with the options of that source (keys come from the environment), and `sha256`.
 * Three sizes are a good choice: less than a part, a few parts, and several GiB.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { downloadFile, obs, s3 } from '../../dist/index.js';

interface Entry {
  readonly url?: string;
  readonly obs?: Parameters<typeof obs>[0];
  readonly s3?: Parameters<typeof s3>[0];
  readonly sha256: string;
}

const entries: Entry[] = JSON.parse(process.env.CANARY ?? '[]');
if (entries.length === 0) console.log('canary: CANARY names no object, so nothing was downloaded');
const directory = await mkdtemp(join(tmpdir(), 'partstream-canary-'));
try {
  for (const [index, entry] of entries.entries()) {
    const source = entry.obs ? obs(entry.obs) : entry.s3 ? s3(entry.s3) : (entry.url ?? '');
    const expectedChecksum = { algorithm: 'sha256', value: entry.sha256 } as const;
    const result = await downloadFile(source, join(directory, String(index)), { expectedChecksum });
    console.log(`canary ${index}: ${result.object.size} bytes in ${result.elapsedMs} ms, right`);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
