/** Adds up the JSON reports of vitest in a directory, and prints one line. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory] = process.argv.slice(2);
const count = { passed: 0, failed: 0, skipped: 0 };
for (const name of readdirSync(directory)) {
  const report = JSON.parse(readFileSync(join(directory, name), 'utf8'));
  count.passed += report.numPassedTests;
  // A file that cannot be loaded fails without any test of it.
  const brokenFiles = report.testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && assertionResults.length === 0;
  });
  count.failed += report.numFailedTests + brokenFiles.length;
  count.skipped += report.numPendingTests + report.numTodoTests;
}
console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
