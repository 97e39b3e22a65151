import { defineConfig } from 'vitest/config';

/** Where `.ci/run` wants the counts. */
const reports = process.env.TEST_REPORTS;

/** Tests against real servers: they need nginx and curl, and minutes. One file at a time, so that none slows another. */
export default defineConfig({
  test: {
    include: ['test/integration/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    fileParallelism: false,
    reporters:
      reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/integration.json` }]],
  },
});
