import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/globalSetup.ts'],
    // One process per file: a tfjs backend is global state, and a GPU device must end with its file.
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 60_000,
    expect: { requireAssertions: true },
  },
});
