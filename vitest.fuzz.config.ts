import { defineConfig } from 'vitest/config';

/** Where `.ci/run` wants the counts. */
const reports = process.env.TEST_REPORTS;

/** The fuzz suites whole: half a million inputs, minutes. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    env: { PARTSTREAM_SUITE: 'whole' },
    testTimeout: 600_000,
    pool: 'forks',
    fileParallelism: false,
    disableConsoleIntercept: true,
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/fuzz.json` }]],
  },
});
