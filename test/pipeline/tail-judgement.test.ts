/** By which time an idle connection judges the others. */

import { expect, it, vi } from 'vitest';
import { slowBody } from '../fixtures/connection-faults.js';
import { ramp } from '../fixtures/ramp.js';
import { download, PART, serve } from './download-bench.js';

const told = vi.hoisted(() => new Set<number>());
const judgedBy = vi.hoisted((): (number | undefined)[] => []);

vi.mock('../../src/time.js', async (importOriginal) => {
  const time = await importOriginal<typeof import('../../src/time.js')>();
  return {
    ...time,
    afterPolling: (delayMs: number, run: (askedAtMs: number) => void) =>
      time.afterPolling(delayMs, (askedAtMs) => {
        told.add(askedAtMs);
        run(askedAtMs);
      }),
  };
});
vi.mock('../../src/fetch/hedge.js', async (importOriginal) => {
  const hedge = await importOriginal<typeof import('../../src/fetch/hedge.js')>();
  return {
    ...hedge,
    findTail: (...args: Parameters<typeof hedge.findTail>) => {
      judgedBy.push(args[3]);
      return hedge.findTail(...args);
    },
  };
});

it('a tail is looked for only after polling, and judged by the time before it', async () => {
  const server = await serve(ramp(4 * PART), [slowBody({ part: 3, bytesPerSecond: 300_000 })]);
  await download('createDownloadStream', server.url);
  expect(judgedBy.length).toBeGreaterThan(2);
  expect(judgedBy.filter((timeMs) => timeMs === undefined || !told.has(timeMs))).toEqual([]);
});
