/**
 * Drives partstream's checkpoint sink with parts of 1 MiB that nobody fetched, in an order in which no two neighbours
 * come together: the longest journal there can be. Data writes are left out, so that 100 GiB fit; CRCs are not.
 */

import { statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { nodeFileOps } from '../../../dist/sink/file-ops.js';
import { openSink } from '../../../dist/sink/open-checkpoint-sink.js';
import { viewBytes } from '../object-bytes.mjs';
import { config, measure } from './measure.mjs';

const PART_BYTES = 1024 * 1024;
const { parts, out } = config;
const journal = { writes: 0, bytes: 0, ms: 0 };

const fileOps = {
  ...nodeFileOps,
  freeBytes: async () => Number.MAX_SAFE_INTEGER,
  async open(path, flags, mode) {
    const file = await nodeFileOps.open(path, flags, mode);
    const isPartFile = path.endsWith('.part');
    const write = async (buffers, position) => {
      // A turn of the event loop, as a write takes: or the timer that records would never come round.
      if (isPartFile) return await nextTurn();
      const startedAtMs = performance.now();
      await file.write(buffers, position);
      journal.ms += performance.now() - startedAtMs;
      journal.writes += 1;
      for (const { length } of buffers) journal.bytes += length;
    };
    return { ...file, write };
  },
};

const object = { size: parts * PART_BYTES, etag: '"bench-object"', metadata: {}, headers: {} };
const sink = await openSink(out, object, { fileOps });

await measure(async () => {
  const stride = coprimeStride(parts);
  const release = () => {};
  for (let count = 0, index = 0; count < parts; count += 1, index = (index + stride) % parts) {
    const offset = index * PART_BYTES;
    const chunk = { offset, bytes: viewBytes(offset, offset + PART_BYTES), release };
    if (!sink.write(chunk)) await new Promise((resolve) => sink.once('drain', resolve));
  }
  await sink.flush();
  const { size } = statSync(`${sink.path}.part.checkpoint`);
  await sink.close();
  return { journalBytes: size, journalWrites: journal.writes, journalMs: journal.ms, journalWritten: journal.bytes };
});

/** About the golden ratio of `count`, and without a common divisor. */
function coprimeStride(count) {
  const divisor = (a, b) => (b === 0 ? a : divisor(b, a % b));
  let stride = Math.max(1, Math.floor(count * 0.618));
  while (divisor(stride, count) !== 1) stride += 1;
  return stride;
}
