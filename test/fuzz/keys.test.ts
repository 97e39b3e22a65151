import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix, sep, win32 } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DestinationError } from '../../src/errors.js';
import { resolveDestination } from '../../src/sink/destination.js';
import { localName } from '../../src/sink/local-name.js';
import { count, FIRST_SEED } from '../crash/suite.js';
import { fuzz } from './fuzz.js';

const segment = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '',
    '...',
    '.. ',
    '..\u0000',
    'a',
    'a..b',
    'con',
    'NUL.txt',
    'COM¹',
    'lpt9 .x',
    'aux.',
    'c:',
    'file:stream',
    ' ',
    'a ',
    'a.',
  ),
  fc.constantFrom(
    '%2e%2e',
    '%2e%2e%2f',
    '．．',
    '..\\',
    '\\..',
    '..;',
    '~',
    '-rf',
    '\\\\host\\share',
    '\\\\?\\C:',
    'CONIN$',
    '\u202e',
    '\ud800',
    '\n',
  ),
  fc.constantFrom('x'.repeat(255), 'x'.repeat(256), 'ü'.repeat(200), '😀'.repeat(100)),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const key = fc.oneof(
  fc
    .tuple(fc.array(segment, { maxLength: 6 }), fc.constantFrom('/', '\\', '//', '/./'))
    .map(([all, by]) => all.join(by)),
  fc.tuple(fc.constantFrom('/', '\\', 'C:\\', 'C:', '//', '\\\\', '../', './'), segment).map((all) => all.join('')),
);

/** Throws unless the segments, put below a root, stay there. */
function expectInside(segments: readonly string[], path: typeof posix | typeof win32, root: string): void {
  const way = path.relative(root, path.join(root, ...segments));
  const leaves = way === '' || way === '..' || way.startsWith(`..${path.sep}`) || path.isAbsolute(way);
  if (leaves || way.split(path.sep).length !== segments.length)
    throw new Error(`${JSON.stringify(segments)} leaves the root`);
  for (const one of segments)
    if (Buffer.byteLength(one) > 255 || one.includes('\0')) throw new Error(`no name: ${JSON.stringify(one)}`);
}

it('no key becomes a path that leaves its directory, on Linux or Windows', { timeout: 600_000 }, () => {
  let escapes = 0;
  fuzz({
    name: 'keys to paths',
    short: 5000,
    whole: 100_000,
    inputs: key,
    check(name) {
      for (const [platform, path, root] of [
        ['linux', posix, '/root/dir'],
        ['win32', win32, 'C:\\root\\dir'],
      ] as const) {
        let segments: string[];
        try {
          segments = localName(name, platform);
        } catch (error) {
          if (!(error instanceof DestinationError)) throw error;
          continue;
        }
        escapes += 1;
        expectInside(segments, path, root);
        escapes -= 1;
        if (platform === 'win32') {
          for (const one of segments)
            expect(one).not.toMatch(/^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|\s*$)|[<>:"|?*\\]|[. ]$/i);
        }
      }
    },
  });
  console.log(`fuzz keys to paths: ${escapes} escapes`);
  expect(escapes).toBe(0);
});

it('every directory that a key makes is below the one that was named', { timeout: 600_000 }, async () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'partstream-keys-')));
  const numRuns = count('FUZZ_DESTINATIONS', 150, 3000);
  try {
    await fc.assert(
      fc.asyncProperty(key, async (name) => {
        const inside = join(root, 'inside');
        const options = { overwrite: true, checkpoint: true };
        const found = await resolveDestination({ directory: inside }, name, options).catch((error: unknown) => {
          // A name that the file system itself refuses is a DiskError or a DestinationError, never anything else.
          if ((error as { code?: string }).code?.startsWith('PS_ERR_D')) return undefined;
          throw error;
        });
        if (found === undefined) return;
        for (const path of [found.path, found.partPath, found.checkpointPath ?? '', found.lockPath]) {
          if (!path.startsWith(inside + sep)) throw new Error(`${path} is outside`);
        }
      }),
      { numRuns, seed: FIRST_SEED },
    );
    console.log(`fuzz destinations: ${numRuns} keys, 0 escapes (seed ${FIRST_SEED})`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
