import { defineConfig } from 'vitest/config';

/** Tests against real servers: they need nginx and curl, and minutes. One file at a time, so that none slows another. */
export default defineConfig({
  test: {
    include: ['test/integration/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
