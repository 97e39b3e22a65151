/** The link server's object as something to download to a file; what the server sent is measured there. */

import type { Target } from './file-contestants.js';
import { idealSeconds, LATENCY_MS } from './link-server.js';
import type { Stage } from './stage.js';

export function limitedTarget(
  { links, options: { limitedSize: size } }: Stage,
  ratesOf: (round: number) => number[],
): Target {
  return {
    url: links.url,
    size,
    async prepare(round) {
      const bytesPerSecond = ratesOf(round);
      await links.reset({ bytesPerSecond, latencyMs: LATENCY_MS, size });
      return async () => {
        const { bytesSent, requests, connections } = await links.stats();
        return { bytesSent, requests, connections, idealS: idealSeconds(size, bytesPerSecond) };
      };
    },
  };
}
