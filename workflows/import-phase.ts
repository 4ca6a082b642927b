import { TemporalFailure } from '@temporalio/common';
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { PhaseRun, TabProof, WrittenReport } from '../activities/import-activities.ts';
import { estimates, imports, said } from './activity-calls.ts';
import { faultOf } from './fault.ts';
import { importTab } from './import-tab.ts';
import { FEWER_WAITS, importTabs } from './import-tabs.ts';
import {
  HALT_PHASE,
  type ImportPhaseInput,
  PHASE_PLANNED,
  PHASE_PROGRESS,
  type PhaseOutcome,
  type PhasePlanned,
  type PhasePosition,
  type PhaseProgress,
  type TabJob,
} from './messages.ts';
import { Stager } from './stager.ts';

/** Well before the 2,000 events that a run should not exceed; what is under way then still fits. */
const LONG_HISTORY = 1_400;

/** Until then a tab was imported, read back and proven before the next one began. */
const TABS_OVERLAP = 'tabs-overlap';

/** Until then what was told of a phase's end was not judged; phases under way may have begun so. */
const ESTIMATES_SETTLED = 'estimates-settled';

/**
 * One import run over the chosen tabs: plan, freeze, then tab by tab stage, import, read back and prove, and the report
 * (C2, D1, D2). Told to halt, or when an activity's retries are used up, it ends at a segment boundary and says where
 * it stands; started again from there it goes on.
 */
export async function importPhase(input: ImportPhaseInput): Promise<PhaseOutcome> {
  const position: PhasePosition = input.position ?? { plan: null, jobs: [], unproven: [] };
  const work = new CancellationScope();
  const told = { halt: false };
  setHandler(
    defineSignal(HALT_PHASE),
    () => {
      told.halt = true;
      work.cancel();
    },
    { description: 'F1: end at the next segment boundary' },
  );
  setHandler(defineQuery<PhasePosition>('position'), () => position, {
    description: 'where the phase stands',
  });

  let outcome: PhaseOutcome | 'historyIsLong';
  try {
    outcome = await work.run(() => runPhase(input, position));
  } catch (error) {
    const cancelled = isCancellation(error);
    if ((cancelled && !told.halt) || !(error instanceof TemporalFailure)) throw error;
    outcome = { ended: 'halted', position, fault: cancelled ? null : faultOf(error) };
  }
  await condition(allHandlersFinished);
  if (outcome === 'historyIsLong') return continueAsNew<typeof importPhase>({ ...input, position });
  return outcome;
}

async function runPhase(
  input: ImportPhaseInput,
  position: PhasePosition,
): Promise<PhaseOutcome | 'historyIsLong'> {
  const beside: Promise<void>[] = [];
  try {
    return await passThrough(input, position, beside);
  } finally {
    // when a run has ended nothing of it is under way any more
    await CancellationScope.nonCancellable(() => Promise.allSettled(beside));
  }
}

/** @param beside takes what nothing waits for but the end of the run */
async function passThrough(
  input: ImportPhaseInput,
  position: PhasePosition,
  beside: Promise<void>[],
): Promise<PhaseOutcome | 'historyIsLong'> {
  const { request, phase, accept = false, draw = false } = input;
  const run = { request, phase };

  if (position.plan === null) {
    if (draw) await imports.drawSource.executeWithOptions(said('read the source by its API'), [run]);
    const plan = await imports.planPhase.executeWithOptions(said('what there is to import'), [
      input.replies === undefined ? run : { ...run, replies: input.replies },
    ]);
    await imports.freezeContext.executeWithOptions(said('the portal as it is before'), [
      { ...run, after: 'start' },
    ]);
    position.plan = plan.tabs;
    position.jobs = plan.tabs.map(({ tab }) => ({
      tab,
      work: 'import',
      imported: 0,
      reconciled: 0,
      spent: 0,
    }));
    await tellMigration(PHASE_PLANNED, { phase, tabs: plan.tabs } satisfies PhasePlanned);
  }
  if (position.unproven.length > 0 && !accept) {
    position.jobs.push(
      ...position.unproven.map(
        ({ tab }): TabJob => ({ tab, work: 'prove', imported: 0, reconciled: 0, spent: 0 }),
      ),
    );
    position.unproven = [];
  }

  const overlap = patched(TABS_OVERLAP);
  const stager = new Stager(run, position, overlap);
  const fewerWaits = overlap && patched(FEWER_WAITS);
  let folding: Promise<void> | null = null;
  let imaging: Promise<unknown> | null = null;
  try {
    if (overlap) {
      const all = await importTabs(run, position.jobs, (tab) => stager.follow(tab), {
        mustLeave: historyIsLong,
        details: () => details(position),
        imported: () => {
          folding = foldImported(run);
          // told to whoever waits for it at the end
          folding.catch(() => {});
          if (!fewerWaits) return;
          imaging = resolveImages(run);
          imaging.catch(() => {});
        },
        proven: async (job, proof) => {
          await isProven(run, position, job, proof);
          const kept = keepSpeed(run, position, job);
          if (!fewerWaits) return kept;
          kept.catch(() => {});
          beside.push(kept);
        },
      });
      if (!all) return 'historyIsLong';
    }
    for (let job = position.jobs[0]; job !== undefined; job = position.jobs[0]) {
      setCurrentDetails(details(position));
      if (!(await tabIsDone(run, position, job, stager))) return 'historyIsLong';
      position.jobs.shift();
    }
  } finally {
    await CancellationScope.nonCancellable(() =>
      Promise.all([stager.stop(), Promise.allSettled([folding, imaging])]),
    );
  }

  if (position.unproven.length > 0 && !accept) return { ended: 'unproven', position };
  const proven = Date.now();
  // histories of phases that began before have no such step
  if (patched('images-in-bodies')) await (imaging ?? resolveImages(run));
  const report = await endPhase(run, overlap, folding);
  if (patched(ESTIMATES_SETTLED)) await settleEstimates(run, position, Date.now() - proven);
  return { ended: 'done', report };
}

/** Finds which attachment each image in a body is (C4). */
function resolveImages(run: PhaseRun): Promise<unknown> {
  return imports.resolveImages.executeWithOptions(said('images in bodies'), [run]);
}

/** Folds what was imported for the next phase (E3). */
function foldImported(run: PhaseRun): Promise<void> {
  return imports.foldImported.executeWithOptions(said('what was imported'), [run]);
}

/** Writes the report (C7), and folds what was imported unless that is done. */
async function endPhase(
  run: PhaseRun,
  beside: boolean,
  folding: Promise<void> | null,
): Promise<WrittenReport> {
  const write = () => imports.writeReport.executeWithOptions(said(`report of ${run.phase}`), [run]);
  if (!beside) {
    await foldImported(run);
    return write();
  }
  // settled, both: when a phase has ended nothing of it runs any more
  const [folded, written] = await Promise.allSettled([folding ?? foldImported(run), write()]);
  if (folded.status === 'rejected') throw folded.reason;
  if (written.status === 'rejected') throw written.reason;
  return written.value;
}

/** Imports, reads back and proves one tab, as phases do that began when tabs did not overlap. @returns false when the history must be cut first */
async function tabIsDone(
  run: PhaseRun,
  position: PhasePosition,
  job: TabJob,
  stager: Stager,
): Promise<boolean> {
  const { tab } = job;
  const begun = Date.now() - job.spent;
  const staged = stager.follow(tab);
  if (staged.ended) stager.stageNext();
  const finished = await importTab(run, job, staged, historyIsLong);
  job.spent = Date.now() - begun;
  if (!finished) return false;
  if (job.work === 'import' && (tab === 'agents' || tab === 'contacts')) {
    await imports.freezeContext.executeWithOptions(said(`the ${tab} as they are now`), [
      { ...run, after: tab },
    ]);
  }
  const proof = await imports.proveTab.executeWithOptions(said(`proof of ${tab}`), [{ ...run, tab }]);
  await isProven(run, position, job, proof);
  await keepSpeed(run, position, job);
  return true;
}

async function isProven(run: PhaseRun, position: PhasePosition, job: TabJob, proof: TabProof): Promise<void> {
  const { tab } = job;
  // told to halt while it was told, it is proven again
  position.unproven = position.unproven.filter((each) => each.tab !== tab);
  if (proof.discrepancies > 0) position.unproven.push({ tab, discrepancies: proof.discrepancies });
  await tellMigration(PHASE_PROGRESS, { phase: run.phase, tab, proof } satisfies PhaseProgress);
}

function historyIsLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return historyLength > LONG_HISTORY || continueAsNewSuggested;
}

/** The migration that started this phase; when it is gone this phase is being cancelled anyway. */
async function tellMigration(signal: string, message: PhasePlanned | PhaseProgress): Promise<void> {
  const { parent } = workflowInfo();
  if (parent === undefined) return;
  try {
    await getExternalWorkflowHandle(parent.workflowId).signal(signal, message);
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the migration was not told', { signal, error });
  }
}

/** B5: how fast it went serves the next estimate; a tab that was only tried again says nothing about speed. */
async function keepSpeed({ request, phase }: PhaseRun, position: PhasePosition, job: TabJob): Promise<void> {
  const planned = position.plan?.find(({ tab }) => tab === job.tab);
  if (planned === undefined || planned.records === 0 || job.work === 'prove') return;
  try {
    const { tab, records, bytes } = planned;
    await estimates.recordSpeed({ request, phase, tab, records, bytes, milliseconds: job.spent });
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the speed was not kept', { error });
  }
}

/** B5: judges what was told of the phase's end; the report of a tab that was only tried again says nothing about it. */
async function settleEstimates(run: PhaseRun, { plan }: PhasePosition, reporting: number): Promise<void> {
  if (plan === null || plan.length === 0) return;
  const records = plan.reduce((sum, tab) => sum + tab.records, 0);
  const bytes = plan.reduce((sum, tab) => sum + tab.bytes, 0);
  try {
    await estimates.settleEstimates({ ...run, at: Date.now(), records, bytes, reporting });
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.warn('the estimates were not judged', { error });
  }
}

/** F3 */
function details({ plan, jobs }: PhasePosition): string {
  const rows = (plan ?? []).map(({ tab, records }) => {
    const left = jobs.findIndex((job) => job.tab === tab);
    const isNow = left === 0 || (jobs[left]?.imported ?? 0) > 0;
    return `| ${tab} | ${records} | ${left === -1 ? 'done' : isNow ? 'now' : 'waits'} |`;
  });
  return ['| tab | records | |', '| --- | --- | --- |', ...rows].join('\n');
}
