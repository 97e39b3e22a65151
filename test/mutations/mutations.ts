/**
 * Breaks, one at a time and in a copy of the tree, lines that protect bytes or secrets, and shows that the test which
 * keeps each guarantee fails then. `npm run test:mutations` prints one line a mutation; it fails when one goes unseen.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface Mutation {
  readonly guarantee: string;
  readonly file: string;
  readonly line: string;
  readonly broken: string;
  readonly test: string;
}

const MUTATIONS: readonly Mutation[] = [
  {
    guarantee: 'two versions of an object are never mixed',
    file: 'src/fetch/object-binding.ts',
    line: 'if (etag !== binding.etag) {',
    broken: 'if (etag === "no such thing") {',
    test: 'test/pipeline/object-changes.test.ts',
  },
  {
    guarantee: 'an answer that is not the range asked for is never used',
    file: 'src/fetch/range-request.ts',
    line: 'sent.start !== asked.start || sent.end > asked.end',
    broken: 'sent.end > asked.end + 1e15',
    test: 'test/pipeline/server-lies.test.ts',
  },
  {
    guarantee: 'bytes on the disk are compared before they are used again',
    file: 'src/sink/recheck-blocks.ts',
    line: 'if (!ledger.prove(block, crc)) damaged.push(range);',
    broken: 'ledger.prove(block, crc);',
    test: 'test/sink/checkpoint-resume.test.ts',
  },
  {
    guarantee: 'the bytes are on the disk before the file has its name',
    file: 'src/sink/publish-file.ts',
    line: '  await commit.syncData((file) => file.sync());\n  ',
    broken: '  ',
    test: 'test/sink/sink-faults.test.ts',
  },
  {
    guarantee: 'the bytes of a small object are on the disk before they have its name',
    file: 'src/sink/whole-file.ts',
    line: '      await file.sync();\n',
    broken: '',
    test: 'test/sink/whole-file.test.ts',
  },
  {
    guarantee: 'a name is durable only by a sync that began after it was given',
    file: 'src/sink/sync-directory.ts',
    line: 'state.next ??= state.running.then(begin, begin);',
    broken: 'state.next ??= state.running;',
    test: 'test/sink/whole-file.test.ts',
  },
  {
    guarantee: 'a key cannot lead out of the directory',
    file: 'src/sink/local-name.ts',
    line: `segments.includes('..')`,
    broken: `segments.includes('...')`,
    test: 'test/sink/local-name.test.ts',
  },
  {
    guarantee: 'certificates are verified',
    file: 'src/transport/connector.ts',
    line: 'rejectUnauthorized: tlsOptions?.insecure !== true',
    broken: 'rejectUnauthorized: false',
    test: 'test/transport/tls.test.ts',
  },
  {
    guarantee: 'a redirect never leads from https to http',
    file: 'src/fetch/redirect.ts',
    line: `if (origin.scheme === 'https' && target.scheme === 'http') {`,
    broken: `if (origin.scheme === 'https' && target.scheme === 'https') {`,
    test: 'test/fetch/redirect.test.ts',
  },
  {
    guarantee: 'memory that is read into again is nobody else’s',
    file: 'src/transport/slab.ts',
    line: ' || slab.heldBytes !== 0',
    broken: '',
    test: 'test/transport/slab-recycling.test.ts',
  },
];

const copy = mkdtempSync(join(tmpdir(), 'partstream-mutations-'));
let unseen = 0;
try {
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(name, join(copy, name), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  for (const { guarantee, file, line, broken, test } of MUTATIONS) {
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(line)) throw new Error(`${file} no longer holds: ${line}`);
    const passesWhole = passes(test);
    writeFileSync(path, text.replace(line, broken));
    const passesBroken = passes(test);
    writeFileSync(path, text);
    const isSeen = passesWhole && !passesBroken;
    if (!isSeen) unseen += 1;
    console.log(
      `${isSeen ? 'seen  ' : 'UNSEEN'} ${guarantee}: ${file} broken, ${test} ${passesBroken ? 'passes' : 'fails'}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${MUTATIONS.length - unseen} of ${MUTATIONS.length} mutations seen`);
process.exitCode = unseen === 0 ? 0 : 1;

function passes(test: string): boolean {
  return spawnSync('npx', ['vitest', 'run', test], { cwd: copy, stdio: 'ignore' }).status === 0;
}
