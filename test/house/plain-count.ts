import type { Reporter } from 'vitest/node';

/**
 * Vitest reporter: closes a run with one plain line, `N passed, N failed`, counted from the runner's own result.
 * A test file that could not be loaded and an error outside any test count as failed.
 */
export const plainCount: Reporter = {
  onTestRunEnd(modules, unhandledErrors, reason) {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'failed') failed += 1;
      }
    }
    // a run can also fail as a whole, in its global set-up
    if (reason === 'failed' && failed === 0) failed = 1;
    process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  },
};
