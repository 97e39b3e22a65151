import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createDownloadStream, createReassembler, discoverObject, fetchParts, planParts } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { closeLater } from './download-bench.js';
import { answering, trueAnswer } from './raw-answers.js';

const DATA = ramp(2_000_000).slice();
const PART = 102_400;
const PIECE = 20_000;

async function filledReassembler(): Promise<Readable> {
  const ordered = createReassembler({ start: 0, end: DATA.length });
  for (let offset = 0; offset < DATA.length; offset += PIECE) {
    ordered.write({ offset, bytes: DATA.subarray(offset, offset + PIECE), release: () => {} });
  }
  return ordered;
}

function serve() {
  return answering((asked, socket) => socket.write(trueAnswer(asked, DATA, 'ETag: "e1"')));
}

async function downloading(): Promise<Readable> {
  const { url } = await serve();
  return createDownloadStream(url, { partSize: PART });
}

async function fetching(): Promise<Readable> {
  const { url } = await serve();
  const object = await discoverObject(url);
  const parts = planParts({ start: 0, end: object.size }, { partSize: PART });
  const chunks = fetchParts(url, object, parts);
  closeLater({ close: async () => chunks.destroy() });
  return chunks;
}

describe.each([
  ['createDownloadStream', downloading],
  ['createReassembler', filledReassembler],
  ['fetchParts', fetching],
])('the stream of %s', (_name, open) => {
  it('hands on nothing once it is destroyed, so that cancelling a web stream of it throws nowhere', async () => {
    let late = 0;
    for (let reads = 1; reads <= 3; reads += 1) {
      const stream = await open();
      stream.on('error', () => {});
      const closed = new Promise((resolve) => stream.once('close', resolve));
      // Before the listener of the web stream, which is the one that throws; after this one it is not called.
      stream.on('data', () => {
        if (!stream.destroyed) return;
        late += 1;
        stream.removeAllListeners('data');
      });
      const reader = Readable.toWeb(stream.pause()).getReader();
      for (let count = 0; count < reads; count += 1) await reader.read();
      while (stream.readableLength === 0) await nextTurn();
      stream.resume();
      await reader.cancel();
      expect(stream.read()).toBeNull();
      await closed;
    }
    expect(late).toBe(0);
  });
});
