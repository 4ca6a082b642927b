import { condition, isCancellation } from '@temporalio/workflow';
import { assertNever } from '../domain/assert-never.ts';
import { expiryMoments, type Limits } from '../domain/lifecycle.ts';
import { limitBreach, type UploadSummary } from '../domain/request.ts';
import { lifecycle, releases, said } from './activity-calls.ts';
import { rerunChecks } from './checking.ts';
import type { Command, StepInput } from './messages.ts';
import type { Migration } from './migration-context.ts';
import { type MigrationRecord, stepsMissing } from './migration-record.ts';
import { refuse, requireOperator, requireState } from './refusals.ts';

/** A2, A4, A6, A8, A11: what can be done with a request before an operator takes it. */
export function registerRequesting(migration: Migration): void {
  const { record, journal } = migration;

  let redoing: Promise<void> = Promise.resolve();
  migration.onCommand(
    'redoSteps',
    'A2: steps were done or redone; what was typed stands in the draft of that revision',
    (steps) => {
      requireEditable(record, 'redoing steps');
      requireNewest(record, steps);
    },
    (steps) => {
      // A claim takes a moment: what comes meanwhile waits, so that an older revision never follows a newer one.
      const redone = redoing.then(async () => {
        requireNewest(record, steps);
        await choosePortal(migration, steps.portal);
        applySteps(record, steps);
        journal.note(steps.by, 'stepsRedone', steps.reason ?? null);
      });
      redoing = redone.catch(() => {});
      return redone;
    },
  );

  migration.onCommand(
    'addFile',
    'A4: a file was uploaded; one of the same key replaces it',
    (file) => {
      requireEditable(record, 'uploading files');
      requireWithinLimits(record.limits, record.files, [file]);
    },
    ({ by, key, bytes }) => {
      record.files = [...record.files.filter((file) => file.key !== key), { key, bytes }];
      record.checks = null;
      journal.note(by, 'fileAdded');
    },
  );

  migration.onCommand(
    'dropFile',
    'A2: an uploaded file is taken back',
    ({ key }) => {
      requireEditable(record, 'dropping files');
      if (!record.files.some((file) => file.key === key))
        refuse('UNKNOWN_FILE', 'There is no such file in the request.');
    },
    ({ by, key }) => {
      record.files = record.files.filter((file) => file.key !== key);
      record.checks = null;
      journal.note(by, 'fileDropped');
    },
  );

  migration.onCommand(
    'submit',
    'A2: hands the request to the migration team',
    () => {
      requireEditable(record, 'submitting');
      const missing = stepsMissing(record);
      if (missing.length > 0) {
        refuse(
          'STEP_MISSING',
          `Not all steps are done; still missing: ${missing.join(', ')}. Do them and submit again.`,
        );
      }
    },
    ({ by }) => {
      record.submittedAt = Date.now();
      record.expiresAt = null;
      record.remindAt = null;
      record.reason = null;
      journal.note(by, 'submitted');
      journal.tell('confirmation');
    },
  );

  migration.onCommand(
    'cancel',
    'A6: the requester or an operator withdraws a request that is PENDING',
    () => requireState(record, ['PENDING'], 'cancelling'),
    ({ by, reason }) => {
      record.reason = reason ?? null;
      migration.moveTo('CANCELLED', by, 'cancelled', reason ?? null);
    },
  );

  migration.onCommand(
    'precheck',
    'A11: runs the automatic checks; before submission, and again by an operator while verifying',
    (command) => {
      if (record.state === 'VERIFYING')
        requireOperator(command, 'repeat the checks of a request that is being verified');
      else requireEditable(record, 'a precheck');
    },
    ({ by }) => {
      journal.note(by, 'checksAsked');
      rerunChecks(migration);
    },
  );

  migration.onCommand(
    'grantLimits',
    'A4: an operator grants larger limits, with a reason',
    (grant) => {
      requireOperator(grant, 'grant larger limits');
      requireState(record, ['PENDING', 'VERIFYING', 'REPLY_WINDOW'], 'granting limits');
      if (record.state === 'PENDING') requireEditable(record, 'granting limits');
      requireReason(grant, 'A grant');
      requireLarger(record.limits, grant.limits);
    },
    ({ by, reason, limits }) => {
      record.limits = { ...record.limits, ...limits };
      journal.note(by, 'limitsGranted', reason);
      if (record.state === 'VERIFYING') rerunChecks(migration);
      else record.checks = null;
    },
  );
}

/**
 * PENDING: until an operator takes it (VERIFYING), it is cancelled (CANCELLED), or it was left unsubmitted for 30 days
 * (EXPIRED, A9).
 */
export async function pending(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  const over = (): boolean => record.state !== 'PENDING' || migration.historyIsLong;
  while (!over()) {
    if (record.expiresAt === null) {
      await condition(over);
      continue;
    }
    const reminding = record.remindAt !== null;
    const moment = record.remindAt ?? record.expiresAt;
    const changed = await condition(
      () => over() || record.expiresAt === null,
      Math.max(1, moment - Date.now()),
      {
        summary: reminding ? 'reminder 3 days before the request expires' : 'the unsubmitted request expires',
      },
    );
    if (changed) continue;
    if (reminding) {
      const { expiresAt } = record;
      record.remindAt = null;
      journal.note('system', 'expiryReminded');
      journal.tell('expiryReminder', { expiresAt });
    } else {
      migration.moveTo('EXPIRED', 'system', 'expired');
    }
  }
}

/** A2, A9: back to PENDING for mending; its clock starts again. */
export function restartExpiry(record: MigrationRecord): void {
  const { remindAt, expiresAt } = expiryMoments(Date.now());
  record.submittedAt = null;
  record.remindAt = remindAt;
  record.expiresAt = expiresAt;
}

/** What the creating call brought: its portal is claimed like any other; taken by another request, it stays to be chosen. */
export async function begin(migration: Migration, steps: StepInput, by: string): Promise<void> {
  const { record, journal } = migration;
  journal.note(by, 'created');
  if (steps.portal === null) return;
  try {
    await choosePortal(migration, steps.portal);
    record.done = [...new Set([...record.done, ...steps.done])];
    journal.changed();
  } catch (error) {
    if (isCancellation(error)) throw error;
    journal.note('system', 'portalTaken');
  }
}

/** A4: together with those already there. @throws a refusal that names the limit */
export function requireWithinLimits(
  limits: Limits,
  present: readonly UploadSummary[],
  added: readonly UploadSummary[],
): void {
  const breach = limitBreach(limits, present, added);
  const ask = 'Ask the migration team for a larger limit.';
  switch (breach) {
    case null:
      return;
    case 'TOO_MANY_FILES':
      return refuse(breach, `A request takes at most ${limits.files} files. ${ask}`);
    case 'FILE_TOO_LARGE':
      return refuse(breach, `A file may hold at most ${limits.fileBytes} bytes. ${ask}`);
    case 'FILES_TOO_LARGE':
      return refuse(breach, `All files together may hold at most ${limits.totalBytes} bytes. ${ask}`);
    default:
      return assertNever(breach);
  }
}

/** @throws NOT_ALLOWED when an operator gives no reason for what is told to the requester or audited */
export function requireReason(command: Command, what: string): void {
  if ((command.reason ?? '').trim() === '') refuse('NOT_ALLOWED', `${what} needs a reason.`);
}

/** A2: between submission and an operator's taking it only cancel is possible. */
function requireEditable(record: MigrationRecord, what: string): void {
  requireState(record, ['PENDING'], what);
  if (record.submittedAt !== null) {
    refuse(
      'ALREADY_SUBMITTED',
      'The request has been submitted; until the team takes it, it can only be cancelled.',
    );
  }
}

function requireLarger(present: Limits, granted: Partial<Limits>): void {
  const names = Object.keys(granted) as (keyof Limits)[];
  if (names.length === 0)
    refuse('NOT_ALLOWED', 'A grant names at least one limit: files, fileBytes or totalBytes.');
  for (const name of names) {
    const value = granted[name];
    if (value === undefined || !Number.isSafeInteger(value) || value < present[name]) {
      refuse('NOT_ALLOWED', `The limit ${name} is ${present[name]}; a grant can only enlarge it.`);
    }
  }
}

function applySteps(record: MigrationRecord, steps: StepInput): void {
  record.revision = steps.revision;
  record.done = [...steps.done];
  if (steps.source !== undefined) record.source = steps.source;
  record.readsApi = steps.readsApi ?? false;
  if (steps.sourceChanged === true) record.sourceKeyGiven = false;
  record.checks = null;
}

function requireNewest(record: MigrationRecord, { revision }: StepInput): void {
  if (revision >= record.revision) return;
  refuse('NOT_ALLOWED', 'The request was changed meanwhile; read it again and repeat the change.');
}

/**
 * A8: the portal is claimed when it is chosen, and the one chosen before is given up.
 * @throws PORTAL_TAKEN when another open request has it; nothing has changed then
 */
async function choosePortal(migration: Migration, portal: string | null): Promise<void> {
  const { record } = migration;
  const before = record.portal;
  if (portal === before) return;
  if (portal !== null) {
    const { claimed } = await lifecycle.claimPortal.executeWithOptions(said(`claim ${portal}`), [
      { request: record.request, portal },
    ]);
    if (!claimed) {
      refuse(
        'PORTAL_TAKEN',
        'The portal already has an open request; wait for its end or choose another portal.',
      );
    }
    if (record.state !== 'PENDING' || record.submittedAt !== null) {
      await releases.releasePortal({ request: record.request, portal });
      refuse(
        'ALREADY_SUBMITTED',
        'The request was submitted or ended meanwhile; the portal was not changed.',
      );
    }
  }
  record.portal = portal;
  if (before !== null) await releases.releasePortal({ request: record.request, portal: before });
}
