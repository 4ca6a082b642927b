import { condition } from '@temporalio/workflow';
import { rerunChecks } from './checking.ts';
import { integrationsOn } from './integrations.ts';
import type { Migration } from './migration-context.ts';
import type { MigrationRecord } from './migration-record.ts';
import { refuse, requireOperator, requireState } from './refusals.ts';
import { requireReason, restartExpiry } from './requesting.ts';

/** How long an approval waits for checks that are under way; callers wait no longer either. */
const CHECKS_WAIT = '3 seconds';

/** B1: a blocking finding cannot be approved away. */
function requireSound({ checks }: MigrationRecord): void {
  if (checks === null) {
    refuse(
      'NOT_ALLOWED',
      'The automatic checks have not been completed; wait for them, or run them again if they failed.',
    );
  }
  const { blocking, ungranted } = checks;
  if (blocking === 0) return;
  refuse(
    'BLOCKING_FINDINGS',
    `${blocking} blocking findings must be mended first${ungranted > 0 ? `; ${ungranted} of them are limits that can be granted` : ''}.`,
  );
}

/** B1: an operator takes the submitted request, looks at what the automatic checks found, and decides. */
export function registerVerification(migration: Migration): void {
  const { record, journal } = migration;

  migration.onCommand(
    'take',
    'B1: an operator takes the submitted request; the automatic checks run',
    (command) => {
      requireOperator(command, 'take a request');
      requireState(record, ['PENDING'], 'taking it');
      if (record.submittedAt === null) refuse('NOT_SUBMITTED', 'The request has not been submitted yet.');
    },
    ({ by }) => {
      migration.moveTo('VERIFYING', by, 'taken');
      rerunChecks(migration);
    },
  );

  migration.onCommand(
    'approve',
    'B1: the request stands in line for phase 1; refused while there are blocking findings',
    (command) => {
      requireOperator(command, 'approve a request');
      requireState(record, ['VERIFYING'], 'approving');
      if (!migration.checksUnderWay) requireSound(record);
    },
    async ({ by, reason }) => {
      // Small requests are checked in a moment; an operator who is quick need not ask twice.
      if (migration.checksUnderWay) await condition(() => !migration.checksUnderWay, CHECKS_WAIT);
      requireState(record, ['VERIFYING'], 'approving');
      requireSound(record);
      const on = await integrationsOn(migration);
      requireState(record, ['VERIFYING'], 'approving');
      if (on.length > 0) {
        refuse('BLOCKING_FINDINGS', `${on.join(', ')} must be switched off first, and stay off to the end.`);
      }
      record.approvedAt = Date.now();
      migration.moveTo('QUEUED', by, 'approved', reason ?? null);
    },
  );

  migration.onCommand(
    'reject',
    'B1: the request is refused for good; the reason is mailed',
    (command) => {
      requireOperator(command, 'reject a request');
      requireState(record, ['VERIFYING'], 'rejecting');
      requireReason(command, 'A rejection');
    },
    ({ by, reason }) => {
      record.reason = reason;
      migration.moveTo('REJECTED', by, 'rejected', reason);
    },
  );

  migration.onCommand(
    'sendBack',
    'B1: the request goes back to be mended and submitted again',
    (command) => {
      requireOperator(command, 'send a request back');
      requireState(record, ['VERIFYING'], 'sending it back');
      requireReason(command, 'Sending a request back');
    },
    ({ by, reason }) => {
      record.reason = reason;
      restartExpiry(record);
      migration.moveTo('PENDING', by, 'sentBack', reason);
      journal.tell('sentBack', {
        reason,
        ...(record.expiresAt === null ? {} : { expiresAt: record.expiresAt }),
      });
    },
  );
}

/** VERIFYING: until an operator approves (QUEUED), rejects (REJECTED) or sends it back (PENDING). */
export async function verifying(migration: Migration): Promise<void> {
  await condition(() => migration.record.state !== 'VERIFYING' || migration.historyIsLong);
}
