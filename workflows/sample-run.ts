import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  patched,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { TabProof, WrittenReport } from '../activities/import-activities.ts';
import type { Tab } from '../domain/tab.ts';
import { imports, said } from './activity-calls.ts';
import { sampling } from './control-calls.ts';
import { faultOf } from './fault.ts';
import { importTab } from './import-tab.ts';
import { importTabs } from './import-tabs.ts';
import type { SampleRunInput, TabJob } from './messages.ts';
import { Notes } from './notes.ts';

/** Well before the 2,000 events that a run should not exceed. */
const LONG_HISTORY = 1_400;

/** What a sample run gave. */
export interface Sampled {
  report: WrittenReport;
  /** chosen of each tab */
  tabs: Partial<Record<Tab, number>>;
  /** D2: records by which source and desk differ */
  discrepancies: number;
}

/** Where a sample run goes on with a new history: what is chosen and staged stays. */
export interface SamplePosition {
  chosen: { tab: Tab; chosen: number; segments: number }[];
  jobs: TabJob[];
  discrepancies: number;
}

/**
 * B6: the first records of each tab, with everything they refer to, go into a throw-away copy of the portal; the report is the same as
 * of a phase, and nothing else is left. It needs no turn, and can be repeated.
 */
export async function sampleRun(input: SampleRunInput): Promise<Sampled> {
  const { request, by, records } = input;
  const notes = new Notes(request, 'sample');
  if (input.position === undefined)
    await notes.add(by, 'sampleOrdered', `the first ${records} records of each tab`);
  let outcome: Sampled | SamplePosition;
  try {
    const position = input.position ?? (await choose(input));
    outcome = await importChosen(request, position);
  } catch (error) {
    await CancellationScope.nonCancellable(async () => {
      await clear(request);
      await notes.add(
        'system',
        'sampleFailed',
        isCancellation(error) ? 'cancelled in Temporal' : faultOf(error),
      );
    });
    throw error;
  }
  if (!('report' in outcome)) return continueAsNew<typeof sampleRun>({ ...input, position: outcome });
  await clear(request);
  await notes.add('system', 'sampled', inWords(outcome));
  return outcome;
}

const clear = (request: string): Promise<void> =>
  sampling.clearSample.executeWithOptions(said('throw-away copy'), [{ request }]);

/** Everything is staged before anything is chosen: a parent may stand anywhere in its file. */
async function choose({ request, records, draw }: SampleRunInput): Promise<SamplePosition> {
  const run = { request, phase: 'sample' } as const;
  // what an earlier sample run that was ended left behind
  await clear(request);
  if (draw === true) await imports.drawSource.executeWithOptions(said('read the source by its API'), [run]);
  const { tabs } = await imports.planPhase.executeWithOptions(said('what there is to import'), [run]);
  await imports.freezeContext.executeWithOptions(said('the portal as it is'), [{ ...run, after: 'start' }]);
  const segments = new Map<Tab, number>();
  for (const { tab } of tabs) {
    const staged = await imports.stageTab.executeWithOptions(said(`stage ${tab}`), [{ ...run, tab }]);
    segments.set(tab, staged.segments);
  }
  const { tabs: chosen } = await sampling.chooseSample.executeWithOptions(
    said(`first ${records} of each tab`),
    [{ request, records }],
  );
  return {
    chosen: chosen.map((each) => ({ ...each, segments: segments.get(each.tab) ?? 0 })),
    jobs: tabs.map(({ tab }): TabJob => ({ tab, work: 'import', imported: 0, reconciled: 0, spent: 0 })),
    discrepancies: 0,
  };
}

/** @returns the position when the history must be cut first */
async function importChosen(request: string, position: SamplePosition): Promise<Sampled | SamplePosition> {
  const run = { request, phase: 'sample' } as const;
  const { chosen, jobs } = position;
  const segmentsOf = (tab: Tab): number => chosen.find((each) => each.tab === tab)?.segments ?? 0;
  if (patched('tabs-overlap')) {
    const all = await importTabs(
      run,
      jobs,
      (tab) => ({ segments: segmentsOf(tab), ended: true, fault: null }),
      {
        mustLeave: historyIsLong,
        details: () => details(position),
        proven: async (_, { discrepancies }) => {
          position.discrepancies += discrepancies;
        },
      },
    );
    if (!all) return position;
  }
  for (let job = jobs[0]; job !== undefined; job = jobs[0]) {
    const { tab } = job;
    setCurrentDetails(details(position));
    const staged = { segments: segmentsOf(tab), ended: true, fault: null };
    if (!(await importTab(run, job, staged, historyIsLong))) return position;
    if (tab === 'agents' || tab === 'contacts') {
      await imports.freezeContext.executeWithOptions(said(`the ${tab} as they are now`), [
        { ...run, after: tab },
      ]);
    }
    const proof: TabProof = await imports.proveTab.executeWithOptions(said(`proof of ${tab}`), [
      { ...run, tab },
    ]);
    position.discrepancies += proof.discrepancies;
    jobs.shift();
  }
  const report = await imports.writeReport.executeWithOptions(said('report of the sample'), [run]);
  return {
    report,
    tabs: Object.fromEntries(chosen.map(({ tab, chosen: count }) => [tab, count])),
    discrepancies: position.discrepancies,
  };
}

function historyIsLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return historyLength > LONG_HISTORY || continueAsNewSuggested;
}

function inWords({ tabs, discrepancies }: Sampled): string {
  const taken = Object.entries(tabs).map(([tab, count]) => `${tab} ${count}`);
  return `${taken.join(', ')}${discrepancies === 0 ? '' : `; ${discrepancies} differences between source and desk`}`;
}

/** F3 */
function details({ chosen, jobs }: SamplePosition): string {
  const rows = chosen.map(({ tab, chosen: count }) => {
    const left = jobs.findIndex((job) => job.tab === tab);
    return `| ${tab} | ${count} | ${left === -1 ? 'done' : left === 0 ? 'now' : 'waits'} |`;
  });
  return ['| tab | chosen | |', '| --- | --- | --- |', ...rows].join('\n');
}
