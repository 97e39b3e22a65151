/** The differences from the SDK as the migration page has them. */

import { DIFFERENCES, type Difference, OTHER_DIFFERENCES } from './differences.js';

/** A Markdown table, one row per difference. */
export function migrationTable(): string {
  const rows: Difference[] = [...OTHER_DIFFERENCES, ...Object.values(DIFFERENCES)];
  return [
    '| `esdk-obs-nodejs` | `partstream/obs-client` | because |',
    '|---|---|---|',
    ...rows.map(({ sdk, ours, why }) => `| ${sdk} | ${ours} | ${why} |`),
  ].join('\n');
}
