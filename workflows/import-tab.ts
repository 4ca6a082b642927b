import { CancellationScope, condition } from '@temporalio/workflow';
import type { PhaseRun } from '../activities/import-activities.ts';
import { imports, said } from './activity-calls.ts';
import type { TabJob } from './messages.ts';
import type { StagedSoFar } from './stager.ts';

/** How many import activities of a phase run at a time. */
const PARALLEL = 2;
/** How many segments are read back by one activity. */
const READ_BACK = 10;

/**
 * Imports a tab as far as it is staged and reads it back close behind (D2). `job` always says how far both have come without
 * a gap.
 * @param mustLeave asked between groups: whether to end early, at a segment boundary
 * @returns false when it ended early; nothing of it runs any more
 * @throws ActivityFailure, CancelledFailure, also of staging; nothing of it runs any more
 */
export async function importTab(
  run: PhaseRun,
  job: TabJob,
  staged: StagedSoFar,
  mustLeave: () => boolean,
): Promise<boolean> {
  const progress = { importEnded: false, readBackFailed: false };
  const leave = (): boolean => progress.readBackFailed || mustLeave();
  const [imported, readBack] = await Promise.allSettled([
    importStaged(run, job, staged, leave).finally(() => {
      progress.importEnded = true;
    }),
    followImport(run, job, progress).catch((error: unknown) => {
      progress.readBackFailed = true;
      throw error;
    }),
  ]);
  if (imported.status === 'rejected') throw imported.reason;
  if (readBack.status === 'rejected') throw readBack.reason;
  return staged.ended && job.imported >= staged.segments && job.reconciled >= job.imported;
}

/** Imports what is staged until all is, or it must leave. */
async function importStaged(
  run: PhaseRun,
  job: TabJob,
  staged: StagedSoFar,
  leave: () => boolean,
): Promise<void> {
  for (;;) {
    await condition(() => staged.ended || (staged.segments > job.imported && job.work === 'import'));
    if (staged.fault !== null) throw staged.fault;
    if (job.work === 'prove') job.imported = staged.segments;
    if (job.imported >= staged.segments || leave()) return;
    const to = staged.segments;
    await importGroups(run, job, { to, isAll: staged.ended }, leave);
    if (job.imported < to) return;
  }
}

/**
 * The groups up to a segment: a few at a time, in order; across a barrier only when all before it are done. After a fault no
 * group is begun, and those under way come to their end.
 */
async function importGroups(
  run: PhaseRun,
  job: TabJob,
  { to: last, isAll }: { to: number; isAll: boolean },
  mustLeave: () => boolean,
): Promise<void> {
  const underWay = new Set<number>();
  const done = new Map<number, number>();
  const faults: unknown[] = [];

  const start = (from: number, to: number): void => {
    underWay.add(from);
    void imports.importSegments
      .executeWithOptions(said(`import ${job.tab} ${from}-${to}`), [{ ...run, tab: job.tab, from, to }])
      .then(
        () => {
          done.set(from, to);
          for (let end = done.get(job.imported + 1); end !== undefined; end = done.get(job.imported + 1)) {
            job.imported = end;
          }
        },
        (error: unknown) => {
          faults.push(error);
        },
      )
      .then(() => underWay.delete(from));
  };
  const underWayAtMost = (count: number): Promise<void> => condition(() => underWay.size <= count);

  const startAll = async (): Promise<void> => {
    for (let after: number | null = job.imported; after !== null && after < last; ) {
      const page = await imports.planImport.executeWithOptions(said(`groups of ${job.tab} after ${after}`), [
        { ...run, tab: job.tab, after, ...(isAll ? {} : { to: last }) },
      ]);
      for (const [index, group] of page.groups.entries()) {
        await underWayAtMost(page.barriers.includes(index) ? 0 : PARALLEL - 1);
        if (faults.length > 0 || mustLeave()) return;
        start(group.from, group.to);
      }
      after = page.next;
    }
  };

  try {
    await startAll();
  } catch (error) {
    faults.push(error);
  }
  await CancellationScope.nonCancellable(() => underWayAtMost(0));
  if (faults.length > 0) throw faults[0];
}

/** Reads back what the import has finished, until it has ended. */
async function followImport(run: PhaseRun, job: TabJob, progress: { importEnded: boolean }): Promise<void> {
  for (;;) {
    await condition(() => progress.importEnded || job.imported - job.reconciled >= READ_BACK);
    if (job.reconciled >= job.imported) return;
    const from = job.reconciled + 1;
    const to = Math.min(job.imported, job.reconciled + READ_BACK);
    await imports.reconcileSegments.executeWithOptions(said(`read back ${job.tab} ${from}-${to}`), [
      { ...run, tab: job.tab, from, to },
    ]);
    job.reconciled = to;
  }
}
