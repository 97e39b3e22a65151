import { describe, expect, it } from 'vitest';
import { ramp } from '../fixtures/ramp.js';
import { download, PART, pause } from './download-bench.js';
import { answering, head, trueAnswer } from './raw-answers.js';

const DATA = ramp(60 * PART).slice();

describe('downloadFile', () => {
  it.each(['503 Slow Down', '429 Too Many Requests'])(
    'asks for fewer parts at a time once the store says that it is busy, and slowly for more again: %s',
    async (status) => {
      /** Requests that came together are answered together; how many they were. */
      const rounds: number[] = [];
      let busyRound: number | undefined;
      let waiting: ((isBusy: boolean) => void)[] = [];
      const answerAll = async () => {
        // All that a connection is free for are there: at first by their number, later by their silence.
        const isGathering = () => rounds.length > 0 && busyRound === undefined && waiting.length <= 12;
        for (let seen = 0; seen < waiting.length || isGathering(); await pause(15)) seen = waiting.length;
        const round = waiting;
        waiting = [];
        const isBusy = busyRound === undefined && round.length > 12;
        if (isBusy) busyRound = rounds.length;
        rounds.push(round.length);
        for (const [index, answer] of round.entries()) answer(isBusy && index === 0);
      };
      const server = await answering((asked, socket) => {
        waiting.push((isBusy) => {
          socket.write(isBusy ? head(status, 'Content-Length: 0') : trueAnswer(asked, DATA, 'ETag: "e1"'));
        });
        if (waiting.length === 1) void answerAll();
      });
      const { bytes } = await download('downloadFile', server.url, { concurrency: 16, hedge: false });
      expect(bytes.equals(DATA)).toBe(true);
      expect(rounds[busyRound ?? 99]).toBeGreaterThan(12);
      // Half as many, and one more for every four parts that came meanwhile.
      const [slower = 99, ...later] = rounds.slice((busyRound ?? 99) + 1);
      expect(slower).toBeLessThanOrEqual(12);
      expect(Math.max(...later)).toBeGreaterThan(slower);
    },
  );
});
