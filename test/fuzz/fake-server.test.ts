import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDownloadStream, downloadFile, isDownloadError } from '../../src/index.js';
import { count, FIRST_SEED, inLanes, openDirectory, pick, randomFrom, report } from '../crash/suite.js';
import * as answers from '../fixtures/answer-faults.js';
import * as connections from '../fixtures/connection-faults.js';
import { type Fault, type FaultMatch, trait } from '../fixtures/fault.js';
import { ramp } from '../fixtures/ramp.js';
import { type RangeServer, rangeServer } from '../fixtures/range-server.js';
import { rawServer } from '../fixtures/raw-server.js';

const PART = 102_400;
const DOWNLOADS = count('FUZZ_DOWNLOADS', 150, 5000);
const SETTLE_MS = 20_000;

let directory: Awaited<ReturnType<typeof openDirectory>>;
beforeAll(async () => {
  directory = await openDirectory();
});
afterAll(() => directory.remove());

type Random = () => number;

const upTo = (random: Random, limit: number) => Math.floor(random() * limit);

/** Header values, legal and not. */
function oddValue(random: Random): string {
  const some = ['', '0', '-1', '1', '9'.repeat(20), 'bytes', '"x"', 'W/"x"', 'chunked', 'gzip', 'close', '*', 'a,b'];
  const ranges = ['bytes 0-0/1', 'bytes 5-4/9', 'bytes 0-99/*', 'bytes */5', `bytes 0-${PART - 1}/${PART}`];
  const text = String.fromCharCode(...Array.from({ length: upTo(random, 20) }, () => 33 + upTo(random, 90)));
  return pick(random, [...some, ...ranges, text, 'x'.repeat(upTo(random, 9000))]);
}

const HEADERS = [
  'ETag',
  'Content-Range',
  'Content-Length',
  'Content-Type',
  'Content-Encoding',
  'Transfer-Encoding',
].concat([
  'Last-Modified',
  'Retry-After',
  'Connection',
  'Location',
  'Accept-Ranges',
  'Keep-Alive',
  'Date',
  'Trailer',
  'Upgrade',
]);

/** A true answer to another question: a range some bytes away from the one that was asked for. */
function otherRange(when: FaultMatch, shift: number): Fault {
  return trait('otherRange', when, {
    prepare: (exchange) => {
      const { range } = exchange.seen;
      const [start, end] = [(range?.start ?? 0) + shift, (range?.end ?? 0) + shift];
      if (range !== undefined && start >= 0) exchange.headers.range = `bytes=${start}-${end - 1}`;
    },
  });
}

function oddFault(random: Random): Fault {
  const when = { probability: pick(random, [0.1, 0.4, 1]), seed: upTo(random, 1e6) };
  const bytes = { ...when, afterBytes: 'random' } as const;
  const code = pick(random, [200, 201, 204, 206, 301, 304, 307, 400, 403, 404, 408, 409, 412, 416, 429, 500, 503, 599]);
  return pick<() => Fault>(random, [
    () => connections.reset(bytes),
    () => connections.cut(bytes),
    () => connections.chunkedCut(bytes),
    () => connections.stall(bytes),
    () => connections.deliverAllThenReset(when),
    () => connections.cutHeaders({ ...when, afterBytes: upTo(random, 200) }),
    () => connections.resetHeaders(when),
    () => connections.stallHeaders(when),
    () => connections.closeAfterResponse({ ...when, unannounced: random() < 0.5 }),
    () => connections.unsolicitedResponse(when),
    () => connections.informational(pick(random, [100, 101, 103]), when),
    () => answers.status(code, { ...when, body: oddValue(random), retryAfter: oddValue(random) }),
    () =>
      answers.redirect({
        ...when,
        to: pick(random, [undefined, '/other', 'http://169.254.169.254/', 'file:///x', '//', oddValue(random)]),
      }),
    () => answers.ignoreRange(when),
    () => answers.shortRange({ ...when, maxBytes: 1 + upTo(random, PART) }),
    () => otherRange(when, upTo(random, 2000) - 1000),
    () => answers.longBody({ ...when, framing: pick(random, ['chunked', 'length', 'behind']) }),
    () => answers.wrongContentRange(oddValue(random), when),
    () => answers.duplicateHeader(pick(random, HEADERS), when),
    () => answers.header(pick(random, HEADERS), pick(random, [undefined, oddValue(random)]), when),
    () => answers.hugeHeader({ ...when, bytes: upTo(random, 40_000) }),
    () => answers.badContentLength({ ...when, delta: upTo(random, 200) - 100 }),
    () => answers.contentEncoding(pick(random, ['gzip', 'br', 'identity', 'x']), when),
    () => answers.multipartByteranges(when),
    () => answers.weakEtagAlternating(when),
    () => answers.unknownTotal(when),
  ])();
}

const OPTIONS = {
  partSize: PART,
  concurrency: 4,
  retry: { attempts: 2, baseDelayMs: 1, maxDelayMs: 3 },
  timeouts: { connectMs: 500, headersMs: 40, stallMs: 40 },
};

/** The bytes, or the error. Throws when it does not settle. */
async function outcomeOf(url: string, file: string, random: Random): Promise<Buffer | Error> {
  const signal = AbortSignal.timeout(SETTLE_MS);
  const work = async () => {
    if (random() < 0.5) {
      await downloadFile(url, file, { ...OPTIONS, signal, durability: 'none' });
      return await readFile(file);
    }
    const stream = createDownloadStream(url, { ...OPTIONS, signal });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    await stream.result;
    return Buffer.concat(chunks);
  };
  const outcome = await work().catch((error: Error) => error);
  if (outcome === signal.reason) throw new Error('it did not settle');
  return outcome;
}

/** One answer that is consistent in itself is the object, for all that anybody can know: nothing was put together. */
function isOneWholeLie(bytes: Buffer, { requests }: RangeServer): boolean {
  if (bytes.equals(Buffer.from('bogus'))) return true;
  return requests.some((seen) => (seen.status === 200 || seen.status === 206) && seen.bytesSent >= bytes.length);
}

it(`${DOWNLOADS} downloads from a server that answers anything settle, with the right bytes or an error of ours (T160)`, {
  timeout: 30_000 + DOWNLOADS * 1000,
}, async () => {
  const totals = { right: 0, refused: 0, lies: 0, wrong: 0, foreign: 0, requests: 0 };
  const wrongSeeds: number[] = [];
  await inLanes(
    4,
    Array.from({ length: DOWNLOADS }, (_, round) => FIRST_SEED + round),
    async (seed) => {
      const random = randomFrom(seed);
      const object = ramp(pick(random, [0, 1, PART - 1, PART, PART + 1, 3 * PART, 400_000]), upTo(random, 251));
      const faults = Array.from({ length: 1 + upTo(random, 3) }, () => oddFault(random));
      const server = await rangeServer(object, faults, { partSize: PART });
      const file = join(directory.path, String(seed));
      const outcome = await outcomeOf(server.url, file, random);
      if (Buffer.isBuffer(outcome)) {
        if (outcome.equals(object.slice())) totals.right += 1;
        else if (isOneWholeLie(outcome, server)) totals.lies += 1;
        else {
          totals.wrong += 1;
          wrongSeeds.push(seed);
        }
      } else if (isDownloadError(outcome)) totals.refused += 1;
      else {
        totals.foreign += 1;
        wrongSeeds.push(seed);
        console.error(seed, outcome);
      }
      totals.requests += server.requests.length;
      await server.close();
      for (const ending of ['', '.part', '.part.checkpoint']) await rm(file + ending, { force: true });
    },
  );
  const { right, refused, lies, wrong, foreign, requests } = totals;
  report(
    `fake server: ${DOWNLOADS} downloads, ${requests} answers, ${right} right, ${refused} errors, ${lies} lies of one whole answer, wrong ${wrong}, uncaught ${foreign}`,
  );
  expect(wrongSeeds).toEqual([]);
  expect(right).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
});

const HEAD = [
  'HTTP/1.1 206 Partial Content',
  'ETag: "x"',
  'Content-Length: 5',
  'Content-Range: bytes 0-4/5',
  '',
  'hello',
];
const ODD_LINES = [
  'HTTP/1.1 200 OK',
  'HTTP/1.0 200',
  'HTTP/9.9 999 x',
  'HTTP/1.1 103 Early',
  'Content-Length: -1',
].concat(
  ['Transfer-Encoding: chunked', 'Content-Length: 6', 'Content-Range: bytes 0-5/6', '', '5', '0', ': x', ' folded: y'],
  ['ETag: W/"x"', 'ETag: \u0000', 'Connection: close', 'Content-Type: multipart/byteranges; boundary=x', 'no colon'],
);

it(`${DOWNLOADS} downloads from a server whose head is broken settle with what it announced or an error of ours (T160)`, {
  timeout: 30_000 + DOWNLOADS * 1000,
}, async () => {
  let [refused, taken] = [0, 0];
  await inLanes(
    4,
    Array.from({ length: DOWNLOADS }, (_, round) => FIRST_SEED + round),
    async (seed) => {
      const random = randomFrom(seed);
      const right = [...HEAD];
      // One to four things are wrong with the head; with none of them it would be a whole object.
      for (let left = 1 + upTo(random, 4); left > 0; left -= 1) {
        right.splice(upTo(random, right.length), upTo(random, 2), ...(random() < 0.7 ? [pick(random, ODD_LINES)] : []));
      }
      const server = await rawServer({
        respond: (_head, socket) => {
          const noise = Buffer.from(
            Array.from({ length: random() < 0.5 ? 0 : upTo(random, 40) }, () => upTo(random, 256)),
          );
          socket.write(Buffer.concat([Buffer.from(right.join(random() < 0.9 ? '\r\n' : '\n')), noise]));
          if (random() < 0.7) socket.end();
        },
      });
      const outcome = await outcomeOf(`${server.url}`, join(directory.path, `raw-${seed}`), random);
      // What is legal after all brings what it announces, and nothing of what came behind it.
      if (Buffer.isBuffer(outcome)) {
        taken += 1;
        expect(outcome.length).toBeLessThan(200);
      } else {
        if (!isDownloadError(outcome)) throw outcome;
        refused += 1;
      }
      await server.close();
      for (const ending of ['', '.part', '.part.checkpoint'])
        await rm(join(directory.path, `raw-${seed}${ending}`), { force: true });
    },
  );
  report(`broken heads: ${DOWNLOADS} downloads, ${taken} legal after all, ${refused} errors, uncaught 0`);
});
