import { defineConfig } from 'vitest/config';

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
  },
});
