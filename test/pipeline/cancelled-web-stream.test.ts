import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { createDownloadStream } from '../../src/index.js';
import { ramp } from '../fixtures/ramp.js';
import { answering, trueAnswer } from './raw-answers.js';

const DATA = ramp(1_000_000).slice();

it('a stream that was destroyed hands on nothing, so that cancelling a web stream of it throws nowhere', async () => {
  const { url } = await answering((asked, socket) => socket.write(trueAnswer(asked, DATA, 'ETag: "e1"')));
  let late = 0;
  for (let reads = 1; reads <= 12; reads += 1) {
    const stream = createDownloadStream(url, { partSize: 102_400 });
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
    stream.resume();
    await reader.cancel();
    expect(stream.read()).toBeNull();
    await closed;
  }
  expect(late).toBe(0);
});
