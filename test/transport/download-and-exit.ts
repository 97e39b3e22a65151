/** Run as a process of its own: one exchange with the origin in argv, then nothing that ends the process but itself. */

import { acquirePool } from '../../src/transport/pool.js';
import { runExchange } from './run-exchange.js';

const origin = process.argv[2] ?? '';
const pool = acquirePool(origin, { connectMs: 2_000 });
const { byteCount } = await runExchange(pool.dispatcher, origin);
pool.release();
console.log(byteCount);
