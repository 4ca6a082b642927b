import { CancellationScope, condition, defineSignal, isCancellation, setHandler } from '@temporalio/workflow';
import { reminderMoments } from '../domain/lifecycle.ts';
import { limitBreach, type UploadSummary } from '../domain/request.ts';
import { faultOf } from './fault.ts';
import { MAIL_REPLY, type MailReply } from './messages.ts';
import type { Migration } from './migration-context.ts';
import { type MigrationRecord, phaseOf, reportOf } from './migration-record.ts';
import { isOperator, refuse, requireState } from './refusals.ts';
import { requireWithinLimits } from './requesting.ts';
import { addReport, beginPhase, retryJob, runImport } from './run-phase.ts';
import { trySourceKey } from './source-key.ts';
import { giveTurnBack, takeTurn } from './turn.ts';

/** E1, E2: what the requester can do while replies are accepted. */
export function registerReplyWindow(migration: Migration): void {
  const { record, journal } = migration;

  migration.onCommand(
    'reply',
    'E1: corrected mappings, mended files or new exports; recorded on the support ticket and acknowledged',
    (reply) => {
      // After the window the reply is taken in to be refused, because a mail has to say so (E2).
      if (isAfterWindow(record)) return;
      requireState(record, ['REPLY_WINDOW'], 'replying');
      if (record.replies.includes(reply.key)) return;
      requireWithinLimits(record.limits, record.replyFiles, reply.files);
    },
    ({ by, key, files }) => {
      if (isAfterWindow(record)) {
        refuseLate(migration, by, key);
        refuse('WINDOW_CLOSED', 'The reply window has ended; replies are no longer accepted.');
      }
      takeReply(migration, by, key, files);
    },
  );

  setHandler(
    defineSignal<[MailReply]>(MAIL_REPLY),
    ({ by, key, files }) => {
      if (isAfterWindow(record)) refuseLate(migration, by, key);
      else if (record.state !== 'REPLY_WINDOW' || record.stopping !== null)
        journal.note(by, 'replyIgnored', record.state);
      else takeReply(migration, by, key, files);
    },
    { description: 'E1: a reply by mail' },
  );

  migration.onCommand(
    'startPhase2',
    'E2: phase 2 starts before the window ends when both the requester and an operator ask for it',
    () => requireState(record, ['REPLY_WINDOW'], 'starting phase 2 early'),
    (command) => {
      const who = isOperator(command) ? 'operator' : 'requester';
      if (record.earlyStart[who]) return;
      record.earlyStart[who] = true;
      journal.note(command.by, 'earlyStartAsked', command.reason ?? null);
    },
  );
}

/** E1: the window opens when the mail server has taken the phase 1 report. */
export async function openReplyWindow(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  const report = reportOf(record, 'phase-1');
  await journal.tellNow('phase1Report', {
    phase: 'phase-1',
    windowEndsAt: Date.now() + record.replyWindowMs,
    counts: phaseOf(record, 'phase-1')?.tabs ?? {},
    ...(report === undefined ? {} : { report }),
  });
  const opensAt = Date.now();
  record.replyWindow = { opensAt, endsAt: opensAt + record.replyWindowMs };
  migration.moveTo('REPLY_WINDOW', 'system', 'windowOpened');
}

/**
 * REPLY_WINDOW: reminders 7 days and 1 day before the end; phase 2 starts by itself when the window ends, or when both
 * ask for it (PHASE_2). A pause does not stop its clock.
 */
export async function replyWindow(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  if (record.replyWindow === null) return;
  const { opensAt, endsAt } = record.replyWindow;
  const reminders = reminderMoments(opensAt, endsAt - opensAt);
  const early = (): boolean => record.earlyStart.requester && record.earlyStart.operator;
  const over = (): boolean =>
    early() || record.stopping !== null || (migration.historyIsLong && !retries.running);
  const retries = { running: false };
  const retryDue = (): boolean => record.retries.length > 0 && !retries.running && !migration.interrupted;

  try {
    while (!over()) {
      if (retryDue()) {
        retries.running = true;
        void retryTabs(migration).then(() => {
          retries.running = false;
        });
      }
      const remindAt = reminders[record.remindersSent];
      const moment = remindAt ?? endsAt;
      if (Date.now() < moment) {
        const summary =
          remindAt === undefined
            ? 'reply window ends'
            : `reminder ${daysBefore(remindAt, endsAt)} before the window ends`;
        if (await condition(() => over() || retryDue(), moment - Date.now(), { summary })) continue;
      }
      if (remindAt === undefined) break;
      record.remindersSent++;
      journal.note('system', 'reminded');
      journal.tell('reminder', {
        reminder: record.remindersSent,
        windowEndsAt: endsAt,
        ...(record.paused === null ? {} : { paused: true }),
      });
      trySourceKey(migration);
    }
    await condition(() => !retries.running);
  } catch (error) {
    // cancelled in Temporal: what is being tried again ends before anything is given back
    await CancellationScope.nonCancellable(() => condition(() => !retries.running));
    throw error;
  }
  if (record.stopping !== null) return;
  if (!early() && Date.now() < endsAt) return;
  // What comes from now on is told when replies were no longer accepted.
  if (early()) record.replyWindow.endsAt = Math.min(endsAt, Date.now());
  beginPhase(migration, 'phase-2');
  migration.moveTo('PHASE_2', 'system', early() ? 'windowEndedEarly' : 'windowEnded');
}

function daysBefore(moment: number, end: number): string {
  const hours = (end - moment) / 3_600_000;
  return hours % 24 === 0
    ? `${hours / 24} ${hours === 24 ? 'day' : 'days'}`
    : `${Math.round((end - moment) / 1000)} s`;
}

function isAfterWindow(record: MigrationRecord): boolean {
  return (
    record.replyWindow !== null &&
    (record.state !== 'REPLY_WINDOW' || Date.now() >= record.replyWindow.endsAt)
  );
}

function takeReply(
  { record, journal }: Migration,
  by: string,
  key: string,
  files: readonly UploadSummary[],
): void {
  if (record.replies.includes(key)) return;
  const breach = limitBreach(record.limits, record.replyFiles, files);
  if (breach !== null) {
    journal.note(by, 'replyRefused', breach);
    journal.tell('replyRefused', { reply: key, reason: breach, reasonIsCode: true });
    return;
  }
  record.replyFiles = [...record.replyFiles, ...files];
  record.replies.push(key);
  journal.note(by, 'replyReceived');
  journal.tell('replyReceived', { reply: key });
}

/** E2: a mail says that it came too late. */
function refuseLate({ record, journal }: Migration, by: string, key: string): void {
  if (record.lateReplies.includes(key)) return;
  record.lateReplies.push(key);
  journal.note(by, 'replyTooLate');
  journal.tell('lateReply', { reply: key });
}

/** F1: tries the failed records of tabs again, each with a turn of the queue, and sends a new version of the report. */
async function retryTabs(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  try {
    for (let tab = record.retries[0]; tab !== undefined; tab = record.retries[0]) {
      if (!(await takeTurn(migration, 'phase-1'))) break;
      const outcome = await runImport(migration, {
        request: record.request,
        phase: 'phase-1',
        position: { plan: [], jobs: [retryJob(tab)], unproven: [] },
      });
      if (migration.interrupted && outcome.ended !== 'done') break;
      if (outcome.ended === 'halted' && outcome.position === null && outcome.fault === null) continue;
      record.retries.shift();
      if (outcome.ended === 'done') {
        addReport(migration, outcome.report);
        journal.note('system', `retried:${tab}`);
        tellNewReport(migration);
      } else {
        const why =
          outcome.ended === 'halted' ? outcome.fault : 'DISCREPANCIES: source and desk do not agree';
        journal.note('system', `retryFailed:${tab}`, why);
      }
    }
    await giveTurnBack(migration);
  } catch (error) {
    if (isCancellation(error)) return;
    journal.note('system', 'retryFailed', faultOf(error));
    record.retries = [];
  }
}

function tellNewReport({ record, journal }: Migration): void {
  const report = reportOf(record, 'phase-1');
  journal.tell('phase1ReportAgain', {
    phase: 'phase-1',
    counts: phaseOf(record, 'phase-1')?.tabs ?? {},
    ...(record.replyWindow === null ? {} : { windowEndsAt: record.replyWindow.endsAt }),
    ...(report === undefined ? {} : { report }),
  });
}
