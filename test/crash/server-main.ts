/**
 * A paced server of one ramp at any path, in a process of its own. Prints its port when it listens, and answers each
 * message (a path) with how many bytes of bodies it has sent for it. Ends when its parent does.
 */

import { ramp } from '../fixtures/ramp.js';
import { type RangeServerOptions, rangeServer } from '../fixtures/range-server.js';

export interface ServerConfig extends Pick<RangeServerOptions, 'bytesPerSecond'> {
  readonly size: number;
  readonly seed: number;
}

const { size, seed, ...options }: ServerConfig = JSON.parse(process.argv[2] ?? '');
const server = await rangeServer(ramp(size, seed), [], options);
process.on('message', (path: string) => {
  const bytesSent = server.requests.reduce((sum, seen) => (seen.path === path ? sum + seen.bytesSent : sum), 0);
  process.send?.({ path, bytesSent });
});
process.once('disconnect', () => process.exit(0));
process.send?.({ port: server.port });
