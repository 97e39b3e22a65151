/** The host computes, and its event loop with it: connections that bring bytes all the while have not been silent. */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createDownloadEvents, type DownloadEvents } from '../../src/index.js';
import { closeLater, download } from './download-bench.js';

const PART = 262_144;
const PARTS = 13;
const SIZE = PARTS * PART;
/** Longer than a connection may be silent where pieces take a tenth of a second. */
const BUSY_MS = 700;

async function pacedServer(): Promise<string> {
  const worker = new Worker(new URL('./paced-server.mjs', import.meta.url), { workerData: { size: SIZE } });
  closeLater({ close: () => worker.terminate() });
  const [url] = await once(worker, 'message');
  return url as string;
}

function spin(): void {
  const endMs = performance.now() + BUSY_MS;
  while (performance.now() < endMs);
}

// Where the server's thread itself gets no turn for half a second, nobody can tell that from silence: then once more.
describe('downloadFile in the tail', () => {
  it.each<[string, (events: DownloadEvents) => void]>([
    [
      'in a turn of its own while the last part is under way',
      (events) =>
        events.on('partStarted', ({ part }) => {
          if (part.index === PARTS - 1) setTimeout(() => setImmediate(spin), 45);
        }),
    ],
    [
      'in a timer while the last part is under way',
      (events) =>
        events.on('partStarted', ({ part }) => {
          if (part.index === PARTS - 1) setTimeout(spin, 30);
        }),
    ],
    [
      // Between the reading of two sockets: what the others have brought is read only in the next turn.
      'in a listener that is called with the first part of which no other is left',
      (events) => {
        let completed = 0;
        events.on('partCompleted', () => {
          completed += 1;
          if (completed === PARTS - 5) spin();
        });
      },
    ],
  ])('an event loop that is busy %s makes nobody look silent', async (_when, beBusy) => {
    const url = await pacedServer();
    for (let round = 0; round < 2; round += 1) {
      const events = createDownloadEvents();
      let hedges = 0;
      events.on('partHedged', () => {
        hedges += 1;
      });
      beBusy(events);
      const { result, bytes } = await download('downloadFile', url, { partSize: PART, concurrency: 6, events });
      expect(bytes.length).toBe(SIZE);
      expect(result).toMatchObject({ requests: PARTS, retries: 0 });
      expect(hedges).toBe(0);
    }
  });
});
