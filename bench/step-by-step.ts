// Runs phases, one after the other, step after step in this process, each step timed alone, with the activities themselves; two import activities at a
// time, as a worker does. Prints one line of JSON.
//     node bench/step-by-step.ts '<StepsAsked as JSON>'
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { makeFoldImported } from '../activities/fold-imported.ts';
import { makeFreezeContext } from '../activities/freeze-context.ts';
import type { SegmentRange } from '../activities/import-activities.ts';
import { makeImportSegments } from '../activities/import-segments.ts';
import { makePlanImport } from '../activities/plan-import.ts';
import { makePlanPhase } from '../activities/plan-phase.ts';
import { makeProveTab } from '../activities/prove-tab.ts';
import { makeReconcileSegments } from '../activities/reconcile-segments.ts';
import { makeStageTab } from '../activities/stage-tab.ts';
import { makeWriteReport } from '../activities/write-report.ts';
import { createReportSigner } from '../store/report-signature.ts';
import { letHeapGrow } from '../workers/heap-growth.ts';
import { openWorld, type Place, type World } from './file-request.ts';

export interface StepsAsked {
  place: Place;
  request: string;
  phases: Phase[];
}

const STEPS = ['plan', 'freeze', 'stage', 'import', 'readBack', 'prove', 'fold', 'report'] as const;
export type Step = (typeof STEPS)[number];

/** Seconds of every step, over all tabs and of the tickets alone. */
export interface StepsTimed {
  all: Record<Step, number>;
  tickets: Record<Step, number>;
  /** processor seconds of this process */
  processor: Record<Step, number>;
  /** as the proofs say */
  counts: { source: number; failed: number; discrepancies: number };
  importActivities: number;
  rssMb: number;
}

const PARALLEL = 2;
const filesOnly = (): Promise<never> => Promise.reject(new Error('the bench reads files'));

async function runPhase(world: World, request: string, phase: Phase): Promise<StepsTimed> {
  const importSegments = makeImportSegments(world);
  const planImport = makePlanImport(world);
  const reconcileSegments = makeReconcileSegments(world);
  const freezeContext = makeFreezeContext(world);
  const zero = (): Record<Step, number> =>
    Object.fromEntries(STEPS.map((step) => [step, 0])) as Record<Step, number>;
  const timed: StepsTimed = {
    all: zero(),
    tickets: zero(),
    processor: zero(),
    counts: { source: 0, failed: 0, discrepancies: 0 },
    importActivities: 0,
    rssMb: 0,
  };
  const time = async <T>(step: Step, tab: Tab | null, work: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    const used = process.cpuUsage();
    try {
      return await work();
    } finally {
      const { user, system } = process.cpuUsage(used);
      timed.processor[step] += (user + system) / 1_000_000;
      const seconds = (performance.now() - begun) / 1_000;
      timed.all[step] += seconds;
      if (tab === 'tickets') timed.tickets[step] += seconds;
    }
  };
  const run = { request, phase };
  const plan = await time('plan', null, () => makePlanPhase(world)(run));
  await time('freeze', null, () => freezeContext({ ...run, after: 'start' }));
  for (const { tab } of plan.tabs) {
    const key = { ...run, tab };
    const { segments } = await time('stage', tab, () =>
      makeStageTab({ ...world, openSource: filesOnly })(key),
    );
    await time('import', tab, async () => {
      const groups: SegmentRange[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const page = await planImport({ ...key, after });
        groups.push(...page.groups.map(({ from, to }) => ({ ...key, from, to })));
        after = page.next;
      }
      timed.importActivities += groups.length;
      const takeOn = async (): Promise<void> => {
        for (let next = groups.shift(); next !== undefined; next = groups.shift()) await importSegments(next);
      };
      await Promise.all(Array.from({ length: PARALLEL }, takeOn));
    });
    await time('readBack', tab, async () => {
      for (let from = 1; from <= segments; from += 10)
        await reconcileSegments({ ...key, from, to: Math.min(segments, from + 9) });
    });
    if (tab === 'agents' || tab === 'contacts')
      await time('freeze', tab, () => freezeContext({ ...run, after: tab }));
    const { counts, discrepancies } = await time('prove', tab, () => makeProveTab(world)(key));
    timed.counts.source += counts.source;
    timed.counts.failed += counts.failed;
    timed.counts.discrepancies += discrepancies;
  }
  await time('fold', null, () => makeFoldImported(world)(run));
  await time('report', null, () => makeWriteReport({ ...world, signer: createReportSigner('bench') })(run));
  timed.rssMb = process.resourceUsage().maxRSS / 1_024;
  return timed;
}

letHeapGrow();
const { place, request, phases } = JSON.parse(process.argv[2] ?? '') as StepsAsked;
const world = await openWorld(place);
const timed: StepsTimed[] = [];
for (const phase of phases) timed.push(await runPhase(world, request, phase));
await world.close();
process.stdout.write(`${JSON.stringify(timed)}\n`);
