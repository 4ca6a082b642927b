import { defineSignal, setHandler } from '@temporalio/workflow';
import { lifecycle, releases, said } from './activity-calls.ts';
import { estimateAgain, tellExpectedEnd } from './expected-completion.ts';
import { integrationsAreOff } from './integrations.ts';
import {
  IMPORT_LOST,
  type ImportLost,
  PHASE_PLANNED,
  PHASE_PROGRESS,
  type PhasePlanned,
  type PhaseProgress,
} from './messages.ts';
import type { Migration } from './migration-context.ts';
import { phaseOf } from './migration-record.ts';
import { openReplyWindow } from './reply-window.ts';
import { beginPhase, phaseImported } from './run-phase.ts';
import { giveTurnBack, takeTurn } from './turn.ts';

/** B5, C5: what an import phase tells while it runs. */
export function registerProcessing(migration: Migration): void {
  setHandler(defineSignal<[PhasePlanned]>(PHASE_PLANNED), (planned) => tellExpectedEnd(migration, planned), {
    description: 'B5: a phase knows how much there is to import',
  });
  setHandler(defineSignal<[PhaseProgress]>(PHASE_PROGRESS), (progress) => noteProgress(migration, progress), {
    description: 'D1, D2: a tab is imported and proven',
  });
  setHandler(
    defineSignal<[ImportLost]>(IMPORT_LOST),
    ({ phase }) => {
      if (migration.importing?.phase === phase) migration.importing.lost();
    },
    { description: 'the import that it waits for does not run any more: it is started again' },
  );
}

/** QUEUED: until its turn comes (PHASE_1) or it is stopped (STOPPED). */
export async function queued(migration: Migration): Promise<void> {
  if (!(await takeTurn(migration, 'phase-1'))) return;
  beginPhase(migration, 'phase-1');
  migration.moveTo('PHASE_1', 'system', 'phaseStarted:phase-1');
}

/**
 * PHASE_1: imports with the portal closed (C2), then sends the report; when the mail server has taken it the window
 * opens (REPLY_WINDOW, E1).
 */
export async function phase1(migration: Migration): Promise<void> {
  const { record, journal } = migration;
  const { request } = record;
  if (phaseOf(record, 'phase-1')?.endedAt === null) {
    if (!(await takeTurn(migration, 'phase-1'))) return;
    if (record.supportTicket === null) {
      const { ticket } = await lifecycle.openSupportTicket.executeWithOptions(said('support ticket'), [
        { request, at: Date.now() },
      ]);
      record.supportTicket = ticket;
      journal.note('system', 'supportTicketOpened');
    }
    if (!(await integrationsAreOff(migration))) return;
    await closePortal(migration);
    if (!(await phaseImported(migration, 'phase-1'))) return;
  }
  await openPortal(migration);
  await giveTurnBack(migration);
  if (migration.interrupted) return;
  await openReplyWindow(migration);
}

/** PHASE_2: imports what phase 1 did not (E3), then the request is closed for good (COMPLETED, E4). */
export async function phase2(migration: Migration): Promise<void> {
  const { record } = migration;
  if (phaseOf(record, 'phase-2')?.endedAt === null) {
    if (!(await takeTurn(migration, 'phase-2'))) return;
    if (!(await integrationsAreOff(migration))) return;
    if (!(await phaseImported(migration, 'phase-2'))) return;
  }
  await giveTurnBack(migration);
  migration.moveTo('COMPLETED', 'system', 'completed');
}

/** C2: during phase 1 the portal is closed to its agents; paused, it stays closed. */
async function closePortal({ record, journal }: Migration): Promise<void> {
  const { request, portal } = record;
  if (portal === null || record.portalClosed) return;
  // Said first: a call that is not answered may have closed it.
  record.portalClosed = true;
  await lifecycle.closePortal.executeWithOptions(said(`close portal ${portal}`), [{ request, portal }]);
  journal.note('system', 'portalClosed');
}

/** C2: the portal opens when phase 1 ends, however it ends. */
export async function openPortal({ record, journal }: Migration): Promise<void> {
  const { request, portal } = record;
  if (portal === null || !record.portalClosed) return;
  await releases.openPortal.executeWithOptions(said(`open portal ${portal}`), [{ request, portal }]);
  record.portalClosed = false;
  journal.note('system', 'portalOpened');
}

/** C5, D1, D2: a tab is imported and proven; too many failures are flagged to the operator. */
function noteProgress(migration: Migration, { phase: name, tab, proof }: PhaseProgress): void {
  const { record, journal } = migration;
  const phase = phaseOf(record, name);
  if (phase === undefined) return;
  phase.tabs[tab] = { ...proof.counts, digestsMatch: proof.digestsMatch, warnings: proof.warnings };
  const { source, failed } = proof.counts;
  if (failed > source * record.failureShare) {
    const percent = ((100 * failed) / source).toFixed(1);
    journal.note(
      'system',
      `failureShareExceeded:${tab}`,
      `${failed} of ${source} records failed (${percent} %)`,
    );
  } else {
    journal.note('system', `tabImported:${tab}`);
  }
  estimateAgain(migration, phase);
}
