import { isCancellation } from '@temporalio/workflow';
import { UNDER_WAY } from '../domain/lifecycle.ts';
import { said, sourceChecks } from './activity-calls.ts';
import { rerunChecks } from './checking.ts';
import { faultOf } from './fault.ts';
import type { Migration } from './migration-context.ts';
import { refuse, requireState } from './refusals.ts';

/** How activities name a source that answers 401 or 403, and one whose key there is not. */
const KEY_FAULT = /\bSOURCE_KEY_(?:REFUSED|MISSING)\b/;

/** B3: a key of the source is given, at first or in the place of one that is refused. */
export function registerSourceKey(migration: Migration): void {
  const { record, journal } = migration;
  migration.onCommand(
    'sourceKey',
    'B3: a key of the source has been sealed in the store; a migration that waited for it goes on',
    () => {
      requireState(record, ['PENDING', 'VERIFYING', ...UNDER_WAY], 'giving a source key');
      if (record.state === 'PENDING' && record.submittedAt !== null) {
        refuse(
          'ALREADY_SUBMITTED',
          'The request has been submitted; until the team takes it, it can only be cancelled.',
        );
      }
    },
    ({ by }) => {
      record.sourceKeyGiven = true;
      journal.note(by, 'sourceKeyGiven');
      if (record.state === 'PENDING') record.checks = null;
      else if (record.state === 'VERIFYING') rerunChecks(migration);
      if (record.paused !== null && KEY_FAULT.test(record.paused.reason))
        migration.resume(by, 'resumed', null);
    },
  );
}

/** B3: holds the migration until a new key is given, and tells the requester. @returns false for a fault of another kind */
export function pauseForSourceKey(migration: Migration, fault: string): boolean {
  const at = KEY_FAULT.exec(fault)?.index;
  if (at === undefined) return false;
  migration.pause('system', fault.slice(at), 'sourceKeyRefused');
  return true;
}

/** B3: with each reminder in the window the key is tried again, so that a new one is there when phase 2 starts. */
export function trySourceKey(migration: Migration): void {
  const { record, journal } = migration;
  if (record.readsApi !== true) return;
  migration.beside(async () => {
    try {
      const { works } = await sourceChecks.checkSourceKey.executeWithOptions(said('key of the source'), [
        { request: record.request },
      ]);
      journal.note('system', works ? 'sourceKeyWorks' : 'sourceKeyRefused');
      if (!works) journal.tell('sourceKeyRefused');
    } catch (error) {
      if (isCancellation(error)) return;
      journal.note('system', 'sourceKeyNotTried', faultOf(error));
    }
  });
}
