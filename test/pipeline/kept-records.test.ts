/** What an earlier run recorded stays until there is something better, whatever the server answers this time. */

import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CheckpointError,
  createDownloadEvents,
  createDownloadStream,
  DestinationError,
  type DownloadFileOptions,
  type DownloadResult,
  downloadFile,
  InvalidOptionError,
  PartFailedError,
} from '../../src/index.js';
import { ignoreRange } from '../fixtures/answer-faults.js';
import { chunked, chunkedCut, stall } from '../fixtures/connection-faults.js';
import { moment } from '../fixtures/fault.js';
import { expectBytesOf, ramp, type TestObject } from '../fixtures/ramp.js';
import type { RangeServer } from '../fixtures/range-server.js';
import { failureOf, PART, QUICK, serve } from './download-bench.js';
import { expectOnlyFile, interruptRun } from './interrupted-run.js';

const MIB = 1024 * 1024;
const large = ramp(4 * MIB);
const small = ramp(PART / 2, 100);
/** The whole object without its length, whatever is asked for. */
const unsized = [ignoreRange(), chunked()];
const unsizedAndCut = [ignoreRange(), chunkedCut({ afterBytes: MIB, times: 99 })];
const left = ['object.bin.part', 'object.bin.part.checkpoint'];
let directory: string;
let destination: string;
let elsewhere: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kept-records-'));
  destination = join(directory, 'object.bin');
  elsewhere = await mkdtemp(join(tmpdir(), 'kept-records-elsewhere-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
  await rm(elsewhere, { recursive: true });
});

const interrupt = (server: RangeServer, options?: DownloadFileOptions) => interruptRun(server, destination, options);
const expectOnlyTheFile = (object: TestObject) => expectOnlyFile(destination, object);

async function expectResumed(server: RangeServer, options: DownloadFileOptions = {}): Promise<void> {
  server.setFaults([]);
  const { resumedBytes } = await downloadFile(server.url, destination, { ...QUICK, ...options });
  expect(resumedBytes).toBeGreaterThan(0);
  await expectOnlyTheFile(large);
}

describe('an answer without a length', () => {
  it('what an earlier process recorded is kept until there is a whole file', async () => {
    const server = await serve(large);
    await interrupt(server);
    server.setFaults(unsizedAndCut);
    expect(await failureOf(downloadFile(server.url, destination, QUICK))).toBeInstanceOf(PartFailedError);
    expect((await readdir(directory)).sort()).toEqual(left);
    await expectResumed(server);
  });

  it('that brings it all takes its place', async () => {
    const server = await serve(large);
    await interrupt(server);
    server.setFaults(unsized);
    expect((await downloadFile(server.url, destination, QUICK)).resumedBytes).toBe(0);
    await expectOnlyTheFile(large);
  });

  it('without a checkpoint keeps what a run with one recorded, and takes its place', async () => {
    const server = await serve(large);
    await interrupt(server);
    const options = { ...QUICK, checkpoint: false };
    server.setFaults(unsizedAndCut);
    await failureOf(downloadFile(server.url, destination, options));
    expect((await readdir(directory)).sort()).toEqual(left);
    server.setFaults(unsized);
    await downloadFile(server.url, destination, options);
    await expectOnlyTheFile(large);
  });

  it('keeps what was recorded elsewhere, and takes its place there, too', async () => {
    const server = await serve(large);
    const options = { ...QUICK, checkpoint: join(elsewhere, 'ck') };
    await interrupt(server, options);
    server.setFaults(unsizedAndCut);
    await failureOf(downloadFile(server.url, destination, options));
    expect(await readdir(elsewhere)).toEqual(['ck']);
    await expectResumed(server, options);

    await rm(destination);
    await interrupt(server, options);
    server.setFaults(unsized);
    await downloadFile(server.url, destination, options);
    await expectOnlyTheFile(large);
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('puts away what is no record', async () => {
    const server = await serve(large, unsized);
    for (const name of [...left, 'object.bin.part.checkpoint.new']) await writeFile(join(directory, name), 'garbage');
    await downloadFile(server.url, destination, QUICK);
    await expectOnlyTheFile(large);
  });

  it('keeps what a spool recorded until the stream has ended', async () => {
    const server = await serve(large);
    await interrupt(server);
    const read = async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of createDownloadStream(server.url, { ...QUICK, spool: destination })) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    server.setFaults(unsizedAndCut);
    await failureOf(read());
    expect((await readdir(directory)).sort()).toEqual(left);
    server.setFaults(unsized);
    const bytes = await read();
    expect(bytes.length).toBe(large.size);
    expectBytesOf(large, bytes);
    await expect.poll(() => readdir(directory)).toEqual([]);
  });

  it('leaves nothing for good of a process that was killed while it came', async () => {
    const server = await serve(large);
    await interrupt(server);
    await writeFile(`${destination}.part.unsized`, 'some bytes');
    await expectResumed(server);
  });

  it('needs a name that no checkpoint can have', async () => {
    const server = await serve(large);
    const checkpoint = `${destination}.part.unsized`;
    const error = await failureOf(downloadFile(server.url, destination, { ...QUICK, checkpoint }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ option: 'checkpoint' });
    expect(server.requests).toEqual([]);
  });

  it('is refused without overwrite before anything is removed', async () => {
    const server = await serve(large);
    const checkpoint = join(elsewhere, 'ck');
    await interrupt(server, { checkpoint });
    const appear = moment('appear', {}, { prepare: () => writeFileSync(destination, 'mine') });
    server.setFaults([...unsized, appear]);
    const error = await failureOf(downloadFile(server.url, destination, { ...QUICK, overwrite: false }));
    expect(error).toBeInstanceOf(DestinationError);
    expect(error).toMatchObject({ reason: 'exists', cause: { code: 'EEXIST' } });
    expect(await readFile(destination, 'utf8')).toBe('mine');
    expect((await readdir(directory)).sort()).toEqual(['object.bin', 'object.bin.part']);
    await rm(destination);
    await expectResumed(server, { checkpoint });
  });

  it('is refused like any other where the file is there from the beginning', async () => {
    const server = await serve(large, unsized);
    await writeFile(destination, 'mine');
    const error = await failureOf(downloadFile(server.url, destination, { ...QUICK, overwrite: false }));
    expect(error).toMatchObject({ code: 'PS_ERR_DESTINATION', reason: 'exists', cause: { code: 'EEXIST' } });
  });
});

describe('a checkpoint of a later release', () => {
  const json = JSON.stringify({ t: 'H', seq: 0, v: 99 });
  const later = `\n${crc32(json).toString(16).padStart(8, '0')} ${json}`;
  const answers = { sized: [], unsized };

  for (const [kind, faults] of Object.entries(answers)) {
    for (const object of [large, small]) {
      it.each(['as a rule', 'without a checkpoint', 'with one elsewhere'])(
        `is refused and stays, %s (${kind}, ${object.size} bytes)`,
        async (how) => {
          const server = await serve(object, faults);
          await writeFile(`${destination}.part.checkpoint`, later, { mode: 0o600 });
          await writeFile(`${destination}.part`, 'its bytes', { mode: 0o600 });
          const checkpoint = how === 'as a rule' || (how === 'with one elsewhere' && join(elsewhere, 'ck'));
          const error = await failureOf(downloadFile(server.url, destination, { ...QUICK, checkpoint }));
          expect(error).toBeInstanceOf(CheckpointError);
          expect(String(error)).toMatch(/later release/);
          expect((await readdir(directory)).sort()).toEqual(left);
          expect(await readFile(`${destination}.part.checkpoint`, 'utf8')).toBe(later);
          expect(await readFile(`${destination}.part`, 'utf8')).toBe('its bytes');
        },
      );
    }
  }
});

describe('a call that has waited for another one of its thread', () => {
  it('looks at the directory again: nothing of the first is left beside its small file', async () => {
    const server = await serve(large, [stall({ offset: 3 * MIB, times: 99 })]);
    const controller = new AbortController();
    const events = createDownloadEvents();
    events.on('checkpointed', () => {
      server.setFaults([]);
      server.replaceObject(small);
      controller.abort(new Error('enough'));
    });
    let second: Promise<DownloadResult> | undefined;
    events.once('discovered', () => {
      // It looks at the directory when the first has claimed it and there is nothing in it yet.
      second = downloadFile(server.url, destination, { ...QUICK, lockWaitMs: 15_000 });
    });
    const first = failureOf(downloadFile(server.url, destination, { ...QUICK, signal: controller.signal, events }));
    expect(await first).toBe(controller.signal.reason);
    expect((await second)?.object.size).toBe(small.size);
    await expectOnlyTheFile(small);
  });
});
