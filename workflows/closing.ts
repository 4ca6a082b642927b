import { log } from '@temporalio/workflow';
import type { MessageOrder } from '../activities/lifecycle-activities.ts';
import type { MessageKind } from '../domain/message.ts';
import { assertNever } from '../domain/assert-never.ts';
import { imports, releases, said } from './activity-calls.ts';
import { faultOf } from './fault.ts';
import type { Migration } from './migration-context.ts';
import { phaseOf, reportOf } from './migration-record.ts';
import { openPortal } from './processing.ts';
import { addReport } from './run-phase.ts';
import { giveTurnBack } from './turn.ts';

/** F1: what is done stays and is reported; the portal opens (C2). Nothing of the import runs any more. */
export async function stop(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  if (record.stopping === null) return;
  const phase = record.phases.at(-1);
  if (phase !== undefined && phase.endedAt === null && phase.plan.length > 0) {
    try {
      const run = { request: record.request, phase: phase.phase };
      addReport(
        migration,
        await imports.writeReport.executeWithOptions(said(`report of the stopped ${phase.phase}`), [run]),
      );
    } catch (error) {
      log.error('the report of the stopped phase was not written', { error });
      journal.note('system', 'reportFailed', faultOf(error));
    }
  }
  if (phase !== undefined) phase.endedAt ??= Date.now();
  await openPortal(migration);
  await giveTurnBack(migration);
  record.paused = null;
  migration.moveTo('STOPPED', record.stopping.by, 'stopped', record.stopping.reason ?? null);
}

/** What a request leaves behind when it ends: its people are told, the portal is free for another request (A8). */
export async function close(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  const { request, portal } = record;
  if (record.state === 'EXPIRED') {
    await releases.eraseUploads.executeWithOptions(said('uploaded files'), [{ request }]);
    record.files = [];
    journal.note('system', 'uploadsErased');
  }
  if (record.readsApi === true) {
    await releases.eraseSourceKey.executeWithOptions(said('key of the source'), [{ request }]);
  }
  if (portal !== null) {
    await releases.releasePortal.executeWithOptions(said(`claim on ${portal}`), [{ request, portal }]);
  }
  if (record.closedAt === null) {
    record.closedAt = Date.now();
    record.expiresAt = null;
    journal.note('system', 'closed');
    const [kind, facts] = lastMessage(migration);
    journal.tell(kind, facts);
  }
  await migration.settled();
  if (record.supportTicket !== null) {
    await releases.closeSupportTicket.executeWithOptions(said('support ticket'), [
      { request, at: Date.now() },
    ]);
    journal.note('system', 'supportTicketClosed');
    await migration.settled();
  }
}

function lastMessage({ record }: Migration): [MessageKind, MessageOrder['facts']] {
  const reason = record.reason === null ? {} : { reason: record.reason };
  switch (record.state) {
    case 'CANCELLED':
      return ['cancelled', reason];
    case 'EXPIRED':
      return ['expired', {}];
    case 'REJECTED':
      return ['rejected', reason];
    case 'STOPPED':
      return ['stopped', { ...reason, ...lastReport(record) }];
    case 'COMPLETED':
      return ['completed', lastReport(record)];
    case 'PENDING':
    case 'VERIFYING':
    case 'QUEUED':
    case 'PHASE_1':
    case 'REPLY_WINDOW':
    case 'PHASE_2':
      throw new TypeError(`a request that is ${record.state} is not closed`);
    default:
      return assertNever(record.state);
  }
}

function lastReport(record: Migration['record']): MessageOrder['facts'] {
  const phase = record.phases.at(-1);
  if (phase === undefined) return {};
  const report = reportOf(record, phase.phase);
  return {
    phase: phase.phase,
    counts: phaseOf(record, phase.phase)?.tabs ?? {},
    ...(report === undefined ? {} : { report }),
  };
}
