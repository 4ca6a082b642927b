import {
  CancellationScope,
  condition,
  defineSignal,
  log,
  patched,
  setHandler,
  sleep,
  startChild,
} from '@temporalio/workflow';
import { TemporalFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { estimates, lifecycle, releases, said } from './activity-calls.ts';
import { faultOf } from './fault.ts';
import type { importPhase } from './import-phase.ts';
import {
  HALT_PHASE,
  IMPORT_PHASE,
  type ImportPhaseInput,
  importPhaseWorkflowId,
  LIFECYCLE_TASK_QUEUE,
  PHASE_PLANNED,
  PHASE_PROGRESS,
  type PhaseOutcome,
  type PhasePlanned,
  type PhaseProgress,
  type TabJob,
} from './messages.ts';
import type { Migration } from './migration-context.ts';
import { integrationsOn } from './integrations.ts';
import { type PhaseInRecord, phaseOf, reportOf } from './migration-record.ts';
import { pauseForSourceKey } from './source-key.ts';
import { giveTurnBack, takeTurn } from './turn.ts';

/** B5: while a phase runs its expected end is told anew at most so often; the API tells it live. */
const ESTIMATES_APART_MS = 30_000;
/** Until then it was told anew with every tab; requests under way may have begun so. */
const ESTIMATES_APART = 'estimates-apart';

/** B5, C5: what an import phase tells while it runs. */
export function registerProcessing(migration: Migration): void {
  setHandler(defineSignal<[PhasePlanned]>(PHASE_PLANNED), (planned) => tellExpectedEnd(migration, planned), {
    description: 'B5: a phase knows how much there is to import',
  });
  setHandler(defineSignal<[PhaseProgress]>(PHASE_PROGRESS), (progress) => noteProgress(migration, progress), {
    description: 'D1, D2: a tab is imported and proven',
  });
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
    if (!(await importing(migration, 'phase-1'))) return;
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
    if (!(await importing(migration, 'phase-2'))) return;
  }
  await giveTurnBack(migration);
  migration.moveTo('COMPLETED', 'system', 'completed');
}

/** The phase begins to count: from here on its place in line, its times and its results stand in the record. */
export function beginPhase({ record }: Migration, phase: Phase): void {
  record.expectedEnd = null;
  record.phases.push({
    phase,
    startedAt: Date.now(),
    endedAt: null,
    tabs: {},
    plan: [],
    position: null,
    told: false,
    accept: false,
  });
}

/** F1: a tab's records once more; what is imported stays as it is, what failed is tried again. */
export function retryJob(tab: Tab): TabJob {
  return { tab, work: 'import', imported: 0, reconciled: 0, spent: 0 };
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

/**
 * Runs the import of a phase, from where it was halted, until it is done or must halt.
 * @returns true when done, its report written; false when halted, nothing of it running any more
 */
async function importing(migration: Migration, name: Phase): Promise<boolean> {
  const { record, journal } = migration;
  const phase = phaseOf(record, name);
  if (phase === undefined) return false;
  const { accept } = phase;
  phase.accept = false;
  const outcome = await runImport(migration, {
    request: record.request,
    phase: name,
    ...(name === 'phase-2' ? { replies: [...record.replies] } : {}),
    ...(record.readsApi === true ? { draw: true } : {}),
    ...(phase.position === null ? {} : { position: phase.position }),
    ...(accept ? { accept } : {}),
  });
  switch (outcome.ended) {
    case 'done':
      phase.position = null;
      phase.endedAt = Date.now();
      record.expectedEnd = null;
      addReport(migration, outcome.report);
      journal.note('system', `phaseEnded:${name}`);
      return true;
    case 'halted':
      phase.position = outcome.position ?? phase.position;
      if (outcome.fault === null || CancellationScope.current().consideredCancelled) return false;
      if (!pauseForSourceKey(migration, outcome.fault)) migration.pause('system', outcome.fault);
      return false;
    case 'unproven': {
      phase.position = outcome.position;
      const tabs = outcome.position.unproven
        .map(({ tab, discrepancies }) => `${tab} ${discrepancies}`)
        .join(', ');
      migration.pause(
        'system',
        `DISCREPANCIES: source and desk do not agree (${tabs}); the report has not gone out`,
      );
      return false;
    }
  }
}

/** Keeps a new version of a report in the record. */
export function addReport({ record }: Migration, report: { name: string; version: number }): void {
  record.reports.push({ name: report.name, version: report.version, at: Date.now() });
}

type Halted = { ended: 'halted'; position: null; fault: string };

/** Runs an import phase as a child and tells it to halt when the migration is paused or stopped. It never throws. */
export async function runImport(
  migration: Migration,
  input: ImportPhaseInput,
): Promise<PhaseOutcome | Halted> {
  let ended = false;
  const fail = (error: unknown): Halted => ({ ended: 'halted', position: null, fault: faultOf(error) });
  try {
    const child = await startImport(input);
    const outcome = child.result().then(
      (result) => {
        ended = true;
        return result;
      },
      (error: unknown) => {
        ended = true;
        return fail(error);
      },
    );
    try {
      await condition(() => ended || migration.interrupted);
      if (!ended) await child.signal(HALT_PHASE);
    } catch (error) {
      // Ended meanwhile, or the migration itself was cancelled, and its child with it.
      log.info('the import phase was not told to halt', { error });
    }
    return await outcome;
  } catch (error) {
    if (error instanceof TemporalFailure) return fail(error);
    throw error;
  }
}

/** Starts the child; one that a reset or a restart left behind is given time to end. */
async function startImport(input: ImportPhaseInput) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startChild<typeof importPhase>(IMPORT_PHASE, {
        workflowId: importPhaseWorkflowId(input.request, input.phase),
        taskQueue: LIFECYCLE_TASK_QUEUE,
        args: [input],
        parentClosePolicy: 'REQUEST_CANCEL',
        cancellationType: 'WAIT_CANCELLATION_COMPLETED',
        staticSummary: `Import ${input.phase} of ${input.request}`,
        staticDetails: input.position === undefined ? 'From the beginning.' : 'From where it was halted.',
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError) || attempt === 12) throw error;
      await sleep('10 seconds', { summary: 'an earlier run of this phase is ending' });
    }
  }
}

/** B2: looked at again when a phase starts. On = paused, and the requester is told which. */
async function integrationsAreOff(migration: Migration): Promise<boolean> {
  const on = await integrationsOn(migration);
  if (on.length === 0) return true;
  migration.pause('system', `INTEGRATIONS_ON: ${on.join(', ')} must be off while data is migrated`);
  return false;
}

/** E1: the window opens when the mail server has taken the phase 1 report. */
async function openReplyWindow(migration: Migration): Promise<void> {
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

/** B5: when processing starts the requester is told when it is expected to be completed. */
function tellExpectedEnd(migration: Migration, { phase: name, tabs }: PhasePlanned): void {
  const { record, journal } = migration;
  const phase = phaseOf(record, name);
  if (phase === undefined || phase.told) return;
  phase.told = true;
  phase.plan = tabs;
  migration.beside(async () => {
    await estimate(migration, phase, tabs);
    journal.tell('phaseStarted', {
      phase: name,
      ...(record.expectedEnd === null ? {} : { expectedEnd: record.expectedEnd }),
    });
  });
}

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
  const left = phase.plan.filter((planned) => phase.tabs[planned.tab] === undefined);
  if (phase.endedAt !== null || left.length === 0) return;
  const last = phase.estimates?.at ?? 0;
  if (patched(ESTIMATES_APART) && Date.now() - last < ESTIMATES_APART_MS) return;
  migration.beside(() => estimate(migration, phase, left));
}

/** B5: the expected completion, from what is left, what this run has shown of its speed, and the speeds of earlier ones. */
async function estimate(
  { record, journal }: Migration,
  phase: PhaseInRecord,
  tabs: PhasePlanned['tabs'],
): Promise<void> {
  const at = Date.now();
  const count = (phase.estimates?.count ?? 0) + 1;
  phase.estimates = { count, at };
  try {
    const told = { phase: phase.phase, number: count, at };
    const { milliseconds } = await estimates.estimatePhase({ request: record.request, tabs, told });
    if (phase.endedAt === null) record.expectedEnd = at + milliseconds;
    journal.changed();
  } catch (error) {
    log.warn('the expected end is not known', { error });
  }
}
