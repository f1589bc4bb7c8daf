import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { OPTIMISE_LATE } from './tests/optimiseLate.ts';

/** Timeouts end what hangs. They measure nothing: a test that takes a second here may take a minute on a busy laptop. */
const HANGS_MS = 900_000;
/** The tests in Firefox speak to it by WebSocket, which Node 20 has behind a switch. */
const WEB_SOCKET = 'WebSocket' in globalThis ? [] : ['--experimental-websocket'];
const shared = { testTimeout: HANGS_MS, hookTimeout: HANGS_MS, teardownTimeout: HANGS_MS, execArgv: [...OPTIMISE_LATE] };

/** Vitest leaves one core free, so on two cores it would have one worker; many tests wait for a process of their own. */
const WORKERS = Math.max(2, availableParallelism() - 1);

export default defineConfig({
  test: {
    maxWorkers: WORKERS,
    projects: [
      { test: { ...shared, name: 'unit', include: ['tests/**/*.test.ts'], exclude: ['tests/browser/**'] } },
      {
        test: {
          ...shared,
          name: 'browser',
          execArgv: [...shared.execArgv, ...WEB_SOCKET],
          include: ['tests/browser/**/*.test.ts'],
          // What a page shows comes by messages from its worker: as long as it takes on a busy machine, and no longer.
          expect: { poll: { timeout: 300_000 } },
          fileParallelism: false,
        },
      },
    ],
  },
});
