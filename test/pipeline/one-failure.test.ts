/** A stream that fails: one failure, the same for everybody, whatever closing it aborts on the way. */

import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDownloadStream, type DownloadStreamOptions } from '../../src/index.js';
import { changeObjectAfter, flipByte, status } from '../fixtures/answer-faults.js';
import type { Fault } from '../fixtures/fault.js';
import { ramp } from '../fixtures/ramp.js';
import { failureOf, freshPath, PART, pause, QUICK, recorder, serve } from './download-bench.js';

const object = ramp(12 * PART);
const expectedChecksum = { algorithm: 'sha256', value: object.sha256() } as const;

const failures: [string, Fault[], DownloadStreamOptions, string][] = [
  ['the object is not there', [status(404, { times: 99 })], {}, 'PS_ERR_NOT_FOUND'],
  ['a part fails for good', [status(503, { fromRequest: 4, times: 999 })], {}, 'PS_ERR_PART_FAILED'],
  ['a part is refused', [status(403, { fromRequest: 4, times: 999 })], {}, 'PS_ERR_ACCESS_DENIED'],
  ['the object is replaced', [changeObjectAfter({ requests: 3 })], {}, 'PS_ERR_OBJECT_CHANGED'],
  ['its bytes are wrong', [flipByte({ offset: 5 * PART })], { expectedChecksum }, 'PS_ERR_CHECKSUM'],
];

describe.each([
  ['a stream', false],
  ['a spooled stream', true],
])('%s', (_which, isSpooled) => {
  describe.each([
    ['without a signal', undefined],
    ['with a signal that never aborts', new AbortController().signal],
  ])('%s', (_how, signal) => {
    it.each(failures)('fails once, and with the failure itself, where %s', async (_what, faults, more, code) => {
      const server = await serve(object, faults);
      const { events, all } = recorder();
      const spool = isSpooled ? freshPath() : undefined;
      const stream = createDownloadStream(server.url, { ...QUICK, ...more, signal, spool, events });
      const told: string[] = [];
      for (const name of ['error', 'end', 'close']) stream.on(name, () => told.push(name));
      stream.resume();
      const [error] = await once(stream, 'error');
      expect(error).toMatchObject({ code });
      expect(await failureOf(stream.result)).toBe(error);
      if (!stream.closed) await once(stream, 'close');
      // Whatever is aborted on the way out comes behind it.
      await pause(20);
      expect(told).toEqual(['error', 'close']);
      expect(stream.errored).toBe(error);
      const ends = all.filter(({ name }) => name === 'failed' || name === 'completed');
      expect(ends).toEqual([{ name: 'failed', payload: { error } }]);
    });
  });

  it('whose signal aborts while it is failing has still one failure', async () => {
    const server = await serve(object, [status(403, { fromRequest: 4, times: 999 })]);
    const controller = new AbortController();
    const { events, all } = recorder();
    const spool = isSpooled ? freshPath() : undefined;
    const stream = createDownloadStream(server.url, { ...QUICK, signal: controller.signal, spool, events });
    const failed: unknown[] = [];
    stream.on('error', (error) => failed.push(error));
    events.on('failed', () => controller.abort(new Error('enough')));
    stream.resume();
    const result = failureOf(stream.result);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(failed).toEqual([await result]);
    expect(await result).toMatchObject({ code: 'PS_ERR_ACCESS_DENIED' });
    expect(all.filter(({ name }) => name === 'failed')).toHaveLength(1);
  });

  it('that is destroyed has one failure, also when its signal aborts then', async () => {
    const server = await serve(object);
    const controller = new AbortController();
    const { events, all } = recorder();
    const spool = isSpooled ? freshPath() : undefined;
    const stream = createDownloadStream(server.url, { ...QUICK, signal: controller.signal, spool, events });
    const reason = new Error('of its own');
    stream.once('data', () => stream.destroy(reason));
    const [error] = await once(stream, 'error');
    controller.abort(new Error('enough'));
    expect(error).toBe(reason);
    expect(await failureOf(stream.result)).toBe(reason);
    expect(all.filter(({ name }) => name === 'failed')).toEqual([{ name: 'failed', payload: { error: reason } }]);
    if (spool === undefined) return;
    if (!stream.closed) await once(stream, 'close');
    const left = (await readdir(dirname(spool))).filter((name) => name.startsWith(`${basename(spool)}.`));
    expect(left.filter((name) => name.includes('.lock'))).toEqual([]);
  });
});
