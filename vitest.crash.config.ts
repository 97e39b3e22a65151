import { defineConfig } from 'vitest/config';

/** Where `.ci/run` wants the counts. */
const reports = process.env.TEST_REPORTS;

/** The crash suites whole: thousands of processes, minutes. One file at a time, so that none slows another. */
export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts'],
    env: { PARTSTREAM_SUITE: 'whole' },
    testTimeout: 600_000,
    hookTimeout: 60_000,
    pool: 'forks',
    fileParallelism: false,
    disableConsoleIntercept: true,
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/crash.json` }]],
  },
});
