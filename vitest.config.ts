import { defineConfig } from 'vitest/config';
import { plainCount } from './test/house/plain-count.ts';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', '.deskferry/**'],
    pool: 'forks',
    // most files wait for servers and timers, so three at a time keep two cores busy
    maxWorkers: 3,
    globalSetup: 'test/global-setup.ts',
    // an end-to-end test waits for real servers; a unit test that hangs is still told within a minute
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    allowOnly: false,
    reporters: ['default', plainCount],
  },
});
