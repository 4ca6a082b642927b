import { ApplicationFailure } from '@temporalio/common';
import { CancellationScope, setCurrentDetails } from '@temporalio/workflow';
import type { WrittenReport } from '../activities/import-activities.ts';
import { TAB_TITLES, TABS, type Tab } from '../domain/tab.ts';
import { noUndoCounts, tabOfStep, type UndoCounts, UNDO_STEPS } from '../domain/undo.ts';
import { said } from './activity-calls.ts';
import { giving, taking, undoWork } from './control-calls.ts';
import { faultOf } from './fault.ts';
import type { ControlInput } from './messages.ts';
import { Notes } from './notes.ts';

export interface Undone {
  tabs: Partial<Record<Tab, UndoCounts>>;
  report: WrittenReport;
}

/**
 * F1: deletes exactly the records that a request created, never one that existed before, was changed since, or is referred to by
 * what stays; backwards through the tabs, each decided, then deleted. The portal is claimed and closed meanwhile. Ended in the
 * middle and started again, it goes on with what was decided.
 */
export async function undo({ request, by, reason }: ControlInput): Promise<Undone> {
  const notes = new Notes(request, 'undo');
  const startedAt = Date.now();
  await notes.add(by, 'undoOrdered', reason);
  try {
    const { portal, taken } = await taking.beginUndo.executeWithOptions(
      said('claims and closes the portal'),
      [{ request }],
    );
    if (taken) {
      throw ApplicationFailure.nonRetryable(
        `Portal ${portal} has an open request; undo when that has ended.`,
        'PORTAL_TAKEN',
      );
    }
    const tabs = await takeBack(request);
    const rest = await undoWork.removeUnused.executeWithOptions(said('links and attachment files'), [
      { request },
    ]);
    const report = await undoWork.writeUndoReport.executeWithOptions(said('report of the undo'), [
      { request, startedAt, ...rest },
    ]);
    await giving.endUndo.executeWithOptions(said('opens the portal'), [{ request }]);
    await notes.add('system', 'undone', inWords(tabs));
    return { tabs, report };
  } catch (error) {
    await CancellationScope.nonCancellable(async () => {
      await giving.endUndo.executeWithOptions(said('opens the portal'), [{ request }]);
      await notes.add('system', 'undoFailed', faultOf(error));
    });
    throw error;
  }
}

async function takeBack(request: string): Promise<Undone['tabs']> {
  const sums = new Map<Tab, UndoCounts>();
  for (const step of UNDO_STEPS) {
    const run = { request, step };
    const { created } = await undoWork.decideUndo.executeWithOptions(said(`decide ${step}`), [run]);
    if (created === 0) continue;
    const counts = await undoWork.removeRecords.executeWithOptions(said(`remove ${step}: ${created}`), [run]);
    const tab = tabOfStep(step);
    const sum = sums.get(tab) ?? noUndoCounts();
    for (const each of Object.keys(sum) as (keyof UndoCounts)[]) sum[each] += counts[each];
    sums.set(tab, sum);
    show(sums);
  }
  return Object.fromEntries(TABS.flatMap((tab) => (sums.has(tab) ? [[tab, sums.get(tab)]] : [])));
}

/** F3 */
function show(sums: ReadonlyMap<Tab, UndoCounts>): void {
  const rows = [...sums].map(
    ([tab, { created, removed, changedSince, referredTo }]) =>
      `| ${TAB_TITLES[tab]} | ${created} | ${removed} | ${changedSince} | ${referredTo} |`,
  );
  setCurrentDetails(
    [
      '| undone | created | removed | changed since | referred to |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n'),
  );
}

function inWords(tabs: Undone['tabs']): string {
  let removed = 0;
  let kept = 0;
  for (const counts of Object.values(tabs)) {
    removed += counts.removed;
    kept += counts.changedSince + counts.referredTo;
  }
  return `${removed} records removed, ${kept} kept`;
}
