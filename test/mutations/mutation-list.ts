/** Lines that protect bytes or secrets, and the test that keeps each guarantee. */

/** One line of the sources, and what it becomes. */
export interface Mutation {
  readonly guarantee: string;
  readonly file: string;
  readonly line: string;
  readonly broken: string;
  readonly test: string;
}

export const MUTATIONS: readonly Mutation[] = [
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
    line: '.then(() => file.sync())',
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
  {
    guarantee: 'memory that code of others may have seen is never read into again',
    file: 'src/fetch-parts.ts',
    line: 'if (isPublic) return { offset, bytes, release };',
    broken: '',
    test: 'test/pipeline/building-blocks.test.ts',
  },
  {
    guarantee: 'what a reader keeps is never memory that is read into again',
    file: 'src/order/reassembler.ts',
    line: '  const own = Buffer.allocUnsafeSlow(piece.length);\n  own.set(piece);\n',
    broken: '  const own = piece;\n',
    test: 'test/order/reassembler.test.ts',
  },
  {
    guarantee: 'an object without a strong ETag is never put together from two answers',
    file: 'src/fetch/first-request.ts',
    line: 'isAll && !mayJoin(context, binding)',
    broken: 'isAll && !mayJoin(context, binding) && false',
    test: 'test/pipeline/unvalidated-objects.test.ts',
  },
  {
    guarantee: 'what was planned for one version is not filled with the bytes of another',
    file: 'src/open-file-download.ts',
    line: 'if (!isSameVersion(opening.binding, again.binding)) {',
    broken: 'if (opening === again) {',
    test: 'test/pipeline/resumed-and-replaced.test.ts',
  },
  {
    guarantee: 'a 416 is no proof of an empty object',
    file: 'src/fetch/head-request.ts',
    line: 'if (length === 0 || isSaidEmpty)',
    broken: 'if (length === 0 || true)',
    test: 'test/pipeline/empty-or-not.test.ts',
  },
  {
    guarantee: 'a secret that a server echoes is in no error',
    file: 'src/fetch/store-error.ts',
    line: 'sanitizeText(hideSecrets(text, secrets))',
    broken: 'sanitizeText(text)',
    test: 'test/pipeline/echoed-secrets.test.ts',
  },
];
