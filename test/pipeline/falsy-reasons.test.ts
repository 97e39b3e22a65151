/** An abort whose reason is no error, and not even true: whoever reads has to learn of it. */

import { once } from 'node:events';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import {
  createDownloadStream,
  createReassembler,
  discoverObject,
  downloadFile,
  fetchParts,
  openCheckpointSink,
  type PlacedChunk,
  planParts,
} from '../../src/index.js';
import { slowBody } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { failureOf, freshPath, PART, QUICK, serve } from './download-bench.js';

const SIZE = 10 * PART;
const REASONS = [0, '', null, false, undefined, 'enough', new Error('enough')];

async function running() {
  const server = await serve(ramp(SIZE));
  const object = await discoverObject(server.url);
  server.setFaults([slowBody({ bytesPerSecond: 200_000 })]);
  const controller = new AbortController();
  const parts = planParts({ start: 0, end: SIZE }, { partSize: PART });
  const options = { ...QUICK, signal: controller.signal };
  const fetch = () => fetchParts(server.url, object, parts, options);
  return { server, object, controller, options, fetch };
}

/** The reason itself, where a stream can be destroyed with it; else what Node's streams say of an abort. */
function expectReason(error: unknown, signal: AbortSignal): void {
  if (signal.reason) expect(error).toBe(signal.reason);
  else expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
}

function firstThen(act: () => void): (chunk: PlacedChunk) => void {
  let isFirst = true;
  return (chunk) => {
    chunk.release();
    if (!isFirst) return;
    isFirst = false;
    act();
  };
}

describe.each(REASONS)('an abort with the reason %s', (reason) => {
  it('gives an error to who reads fetchParts by its events', async () => {
    const { controller, fetch } = await running();
    const chunks = fetch();
    const told: string[] = [];
    let error: unknown;
    chunks.on('error', (given) => {
      told.push('error');
      error = given;
    });
    chunks.on('end', () => told.push('end'));
    const closed = new Promise((resolve) => chunks.once('close', resolve));
    const release = firstThen(() => controller.abort(reason));
    chunks.on('data', release);
    await closed;
    expect(told).toEqual(['error']);
    expectReason(error, controller.signal);
  });

  it('gives an error to who reads it through a pipe', async () => {
    const { controller, fetch } = await running();
    const chunks = fetch();
    const take = firstThen(() => controller.abort(reason));
    const target = new Writable({
      objectMode: true,
      write(chunk: PlacedChunk, _encoding, done) {
        take(chunk);
        done();
      },
    });
    let hasFinished = false;
    target.on('finish', () => {
      hasFinished = true;
    });
    chunks.pipe(target);
    const [error] = await once(chunks, 'error');
    expectReason(error, controller.signal);
    expect(hasFinished).toBe(false);
  });

  it('rejects its pipeline, also where it came before the first read', async () => {
    for (const isBefore of [false, true]) {
      const { controller, fetch } = await running();
      if (isBefore) controller.abort(reason);
      const chunks = fetch();
      const release = firstThen(() => controller.abort(reason));
      chunks.once('data', release);
      const target = new Writable({ write: (_bytes, _encoding, done) => done() });
      const error = await failureOf(pipeline(chunks, createReassembler({ start: 0, end: SIZE }), target));
      expectReason(error, controller.signal);
    }
  });

  it('ends a loop over it', async () => {
    const { controller, fetch } = await running();
    const looping = async () => {
      for await (const chunk of fetch()) {
        chunk.release();
        controller.abort(reason);
      }
    };
    expectReason(await failureOf(looping()), controller.signal);
  });

  it('is what publish() and flush() of a sink reject with', async () => {
    const { object, controller } = await running();
    const sink = await openCheckpointSink(freshPath(), object, { signal: controller.signal });
    controller.abort(reason);
    const outcomes = await Promise.allSettled([sink.publish(), sink.flush(), sink.recheck()]);
    for (const outcome of outcomes) {
      expect(outcome.status).toBe('rejected');
      expect((outcome as PromiseRejectedResult).reason).toBe(controller.signal.reason);
    }
    expectReason(sink.errored, controller.signal);
    await sink.close();
  });

  it('rejects a pipeline into a sink, and the sink is closed', async () => {
    const { object, controller, fetch } = await running();
    const sink = await openCheckpointSink(freshPath(), object, { signal: controller.signal });
    const chunks = fetch();
    chunks.once('data', () => controller.abort(reason));
    expectReason(await failureOf(pipeline(chunks, sink)), controller.signal);
    await sink.close();
  });

  it('is what a file is rejected with', async () => {
    const { server, controller, options } = await running();
    const file = downloadFile(server.url, freshPath(), options).then(
      () => 'succeeded',
      (error: unknown) => ({ error }),
    );
    await expect.poll(() => server.requests.length, { interval: 2 }).toBeGreaterThan(2);
    controller.abort(reason);
    expect(await file).toEqual({ error: controller.signal.reason });
  });

  it('is what the result of a stream is rejected with, and the stream has an error', async () => {
    const { server, controller, options } = await running();
    const stream = createDownloadStream(server.url, options);
    const result = stream.result.then(
      () => 'succeeded',
      (error: unknown) => ({ error }),
    );
    stream.once('data', () => controller.abort(reason));
    const [error] = await once(stream, 'error');
    expectReason(error, controller.signal);
    expect(await result).toEqual({ error: controller.signal.reason });
  });
});
