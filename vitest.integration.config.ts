import { defineConfig } from 'vitest/config';

/** Where `.ci/run` wants the counts. */
const reports = process.env.TEST_REPORTS;

/**
 * Tests against real servers, which they install and start, and what takes minutes or a compiler. One file at a time, so
 * that none slows another.
 */
export default defineConfig({
  test: {
    include: ['test/integration/**/*.test.ts', 'test/pipeline/flipped-bytes.test.ts'],
    env: { PARTSTREAM_SUITE: 'whole' },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    fileParallelism: false,
    reporters:
      reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/integration.json` }]],
  },
});
