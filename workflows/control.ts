import { condition } from '@temporalio/workflow';
import { UNDER_WAY } from '../domain/lifecycle.ts';
import { isTab } from '../domain/tab.ts';
import type { Migration } from './migration-context.ts';
import { refuse, requireOperator, requireState } from './refusals.ts';
import { retryJob } from './run-phase.ts';
import { giveTurnBack } from './turn.ts';

/** F1: what operators can do while a migration is under way. */
export function registerControl(migration: Migration): void {
  const { record, journal } = migration;

  migration.onCommand(
    'pause',
    'F1: holds the migration at the next segment boundary and gives its turn back',
    (command) => {
      requireOperator(command, 'pause a migration');
      requireState(record, UNDER_WAY, 'pausing');
      if (record.paused !== null) refuse('ALREADY_PAUSED', 'The migration is paused already.');
    },
    ({ by, reason }) => migration.pause(by, reason ?? 'paused by an operator'),
  );

  migration.onCommand(
    'resume',
    'F1: goes on where it was held; with accept, the report goes out although a proof failed (D2)',
    (command) => {
      requireOperator(command, 'resume a migration');
      requireState(record, UNDER_WAY, 'resuming');
      if (record.paused === null) refuse('NOT_PAUSED', 'The migration is not paused.');
      const position = record.phases.at(-1)?.position;
      if (command.accept === true && (position?.unproven.length ?? 0) === 0) {
        refuse(
          'NOT_ALLOWED',
          'No proof has failed, so there is nothing to accept; resume without accepting.',
        );
      }
    },
    ({ by, reason, accept }) => {
      const phase = record.phases.at(-1);
      if (accept === true && phase !== undefined) phase.accept = true;
      migration.resume(by, accept === true ? 'resumedAccepting' : 'resumed', reason ?? null);
    },
  );

  migration.onCommand(
    'stop',
    'F1: ends the migration for safety; what is done stays, and is reported',
    (command) => {
      requireOperator(command, 'stop a migration');
      requireState(record, UNDER_WAY, 'stopping');
    },
    (command) => {
      record.stopping = {
        by: command.by,
        ...(command.reason === undefined ? {} : { reason: command.reason }),
      };
      record.reason = command.reason ?? null;
      journal.note(command.by, 'stopOrdered', command.reason ?? null);
    },
  );

  migration.onCommand(
    'retryTab',
    "F1: a tab's failed records are tried again: when its paused phase is resumed, or at once in the window",
    (command) => {
      requireOperator(command, 'retry a tab');
      requireState(record, ['PHASE_1', 'REPLY_WINDOW', 'PHASE_2'], 'retrying a tab');
      if (record.state !== 'REPLY_WINDOW' && record.paused === null) {
        refuse('NOT_PAUSED', 'Pause the migration first, then retry the tab.');
      }
      const { tab } = command;
      if (!isTab(tab) || record.phases.at(-1)?.tabs[tab] === undefined) {
        refuse('NOT_ALLOWED', 'The latest phase has not imported such a tab yet.');
      }
    },
    ({ by, tab, reason }) => {
      if (!isTab(tab)) return;
      const phase = record.phases.at(-1);
      if (phase?.position) phase.position.jobs.unshift(retryJob(tab));
      else if (!record.retries.includes(tab)) record.retries.push(tab);
      journal.note(by, `retryOrdered:${tab}`, reason ?? null);
    },
  );
}

/** Paused: gives the turn back (B4) and waits until the migration is resumed or stopped. */
export async function whilePaused(migration: Migration): Promise<void> {
  const { record } = migration;
  await giveTurnBack(migration);
  await condition(() => record.paused === null || record.stopping !== null || migration.historyIsLong);
}
