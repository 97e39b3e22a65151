import { describe, expect, it } from 'vitest';
import { AccessDeniedError, discoverObject, ObjectChangedError, obs } from '../../src/index.js';
import { changeObjectAfter } from '../fixtures/answer-faults.js';
import type { PutOptions } from '../fixtures/obs-server/object-store.js';
import { obsServer } from '../fixtures/obs-server.js';
import { expectRamp, ramp } from '../fixtures/ramp.js';
import { closeLater, download, failureOf, PART, VERBS } from './download-bench.js';

const SIZE = 5 * PART + 77;

async function store(options: PutOptions, size = SIZE) {
  const server = closeLater(await obsServer({ partSize: PART }));
  server.putObject('bucket', 'key', ramp(size), options);
  const place = { endpoint: server.endpoint, bucket: 'bucket', key: 'key' };
  let calls = 0;
  const source = obs({
    ...place,
    credentials: () => {
      calls += 1;
      return server.credentials;
    },
  });
  return { server, source, calls: () => calls };
}

describe('an archived object', () => {
  describe.each(VERBS)('%s', (verb) => {
    it.each([
      ['COLD', {}],
      ['DEEP_ARCHIVE', {}],
      ['COLD', { restore: 'ongoing' }],
      ['DEEP_ARCHIVE', { restore: 'ongoing' }],
    ] as const)('of class %s is an AccessDeniedError that says what to do (%o)', async (storageClass, state) => {
      const { server, source, calls } = await store({ storageClass, ...state });
      const error = (await failureOf(download(verb, source))) as AccessDeniedError;
      expect(error).toBeInstanceOf(AccessDeniedError);
      expect(error).toMatchObject({ storeCode: 'InvalidObjectState', statusCode: 403 });
      expect(error.message).toMatch(/archived: restore it, and download when the restore is complete/);
      expect(error.requestId).toMatch(/^[0-9A-F]{32}$/);
      // Fresh credentials do not help: neither the provider nor the store is asked again.
      expect(calls()).toBe(1);
      expect(server.requests).toHaveLength(1);
    });

    it.each(['COLD', 'DEEP_ARCHIVE'] as const)('of class %s that was restored is downloaded', async (storageClass) => {
      const { source } = await store({ storageClass, restore: 'done' });
      const { bytes, result } = await download(verb, source);
      expect(bytes.length).toBe(SIZE);
      expectRamp(bytes);
      expect(result.object.storageClass).toBe(storageClass);
    });
  });

  it('is refused by discoverObject in the same way', async () => {
    const { source } = await store({ storageClass: 'COLD' });
    await expect(discoverObject(source)).rejects.toMatchObject({ storeCode: 'InvalidObjectState' });
  });
});

describe.each(VERBS)('%s of an appendable object', (verb) => {
  it('is verified by its CRC; its ETag is never compared as an MD5', async () => {
    const etag = `"${'a'.repeat(32)}"`;
    const { source } = await store({ appendable: true, etag });
    expect((await download(verb, source)).result.verification).toMatchObject({ algorithm: 'crc64ecma' });
    const old = await store({ appendable: true, etag, crc64: false });
    expect((await download(verb, old.source)).result.verification.scope).toBe('none');
  });

  it.each([
    ['and changes its ETag', undefined],
    ['under the same ETag', '"same"'],
  ])('that grows on the way %s is what it was when it was found, or an ObjectChangedError', async (_how, etag) => {
    const outcomes = { whole: 0, changed: 0 };
    for (let requests = 1; requests <= 8; requests += 1) {
      const { server, source } = await store({ appendable: true, ...(etag && { etag }) });
      const grown = ramp(SIZE + 3 * PART);
      server.setFaults([changeObjectAfter({ requests, object: grown, ...(etag && { etag }) })]);
      const outcome = await download(verb, source, { concurrency: 2 }).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(ObjectChangedError);
        outcomes.changed += 1;
      } else {
        const { bytes, result } = outcome as Awaited<ReturnType<typeof download>>;
        expect(bytes.length).toBe(SIZE);
        expectRamp(bytes);
        expect(result).toMatchObject({ object: { size: SIZE }, verification: { scope: 'object' } });
        outcomes.whole += 1;
      }
    }
    // Six requests are one download: the last growths come after it.
    expect(outcomes.changed).toBeGreaterThan(0);
    expect(outcomes.whole).toBeGreaterThanOrEqual(2);
  });
});
