/** lock-worker.ts in a worker thread: Node 20 runs no `--import` there. */

import { register } from 'tsx/esm/api';

register();
await import('./lock-worker.ts');
