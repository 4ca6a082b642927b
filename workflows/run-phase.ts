import { TemporalFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, condition, log, sleep, startChild } from '@temporalio/workflow';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { faultOf } from './fault.ts';
import type { importPhase } from './import-phase.ts';
import {
  HALT_PHASE,
  IMPORT_PHASE,
  type ImportPhaseInput,
  importPhaseWorkflowId,
  LIFECYCLE_TASK_QUEUE,
  type PhaseOutcome,
  type TabJob,
} from './messages.ts';
import type { Migration } from './migration-context.ts';
import { phaseOf } from './migration-record.ts';
import { pauseForSourceKey } from './source-key.ts';

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

/**
 * Runs the import of a phase, from where it was halted, until it is done or must halt.
 * @returns true when done, its report written; false when halted, nothing of it running any more
 */
export async function phaseImported(migration: Migration, name: Phase): Promise<boolean> {
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
        `DISCREPANCIES: source and desk do not agree (${tabs}); the report has not gone out. Look at the discrepancies, then resume to prove again, or accept`,
      );
      return false;
    }
  }
}

/** Keeps a new version of a report in the record. */
export function addReport({ record }: Migration, report: { name: string; version: number }): void {
  record.reports.push({ name: report.name, version: report.version, at: Date.now() });
}

/** No fault: what was running was lost, and is to be started again. */
type Halted = { ended: 'halted'; position: null; fault: string | null };

/** Runs an import phase as a child and tells it to halt when the migration is paused or stopped. It never throws. */
export async function runImport(
  migration: Migration,
  input: ImportPhaseInput,
): Promise<PhaseOutcome | Halted> {
  let ended = false;
  const fail = (error: unknown): Halted => ({ ended: 'halted', position: null, fault: faultOf(error) });
  try {
    const child = await startImport(input);
    const outcome = new Promise<PhaseOutcome | Halted>((resolve) => {
      const end = (how: PhaseOutcome | Halted): void => {
        ended = true;
        resolve(how);
      };
      child.result().then(end, (error: unknown) => end(fail(error)));
      // what was ended with a run that was reset says nothing to the one that goes on
      const lost = (): void => end({ ended: 'halted', position: null, fault: null });
      migration.importing = { phase: input.phase, lost };
    });
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
  } finally {
    migration.importing = null;
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
