import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Timeouts end what hangs, also on a machine four times slower; they measure nothing.
    projects: [
      { test: { name: 'unit', include: ['tests/**/*.test.ts'], exclude: ['tests/browser/**'], testTimeout: 240_000 } },
      {
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 120_000,
          // What a page shows comes by messages from its worker: as long as it takes on a busy machine, and no longer.
          expect: { poll: { timeout: 60_000 } },
          fileParallelism: false,
        },
      },
    ],
  },
});
