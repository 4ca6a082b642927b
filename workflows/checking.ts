import { isCancellation, log } from '@temporalio/workflow';
import { checks, said } from './activity-calls.ts';
import type { Migration } from './migration-context.ts';

/**
 * B1, A11: runs the automatic checks over the request as it stands, beside everything else. Until they are done, and
 * when they could not be run, the record has no result and the request cannot be approved.
 */
export function rerunChecks(migration: Migration): void {
  const { record, journal } = migration;
  const run = ++migration.checksRun;
  record.checks = null;
  migration.checksUnderWay = true;
  const { request, revision, limits } = record;
  migration.beside(async () => {
    try {
      const result = await checks.runChecks.executeWithOptions(said(`checks of revision ${revision}`), [
        { request, revision, limits, at: Date.now() },
      ]);
      if (migration.checksRun !== run) return;
      if (record.revision === revision) record.checks = result;
      journal.note('system', 'checked', `${result.blocking} blocking, ${result.warnings} warnings`);
    } catch (error) {
      if (isCancellation(error)) return;
      log.error('the checks could not be run', { error });
      journal.note('system', 'checksFailed');
    } finally {
      if (migration.checksRun === run) migration.checksUnderWay = false;
    }
  });
}
