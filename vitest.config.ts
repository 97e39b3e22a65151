import { defineConfig } from 'vitest/config';

/** Where `.ci/run` wants the counts. */
const reports = process.env.TEST_REPORTS;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/integration/**', 'node_modules/**'],
    testTimeout: 20_000,
    pool: 'forks',
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/unit.json` }]],
  },
});
