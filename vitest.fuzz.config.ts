import { defineConfig } from 'vitest/config';

/** The fuzz suites whole: half a million inputs, minutes. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    env: { PARTSTREAM_SUITE: 'whole' },
    testTimeout: 600_000,
    pool: 'forks',
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
});
