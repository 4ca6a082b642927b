import { covered, notBegun } from '../domain/expected-end.ts';
import { createForecast } from '../store/forecast.ts';
import type { ImportStores } from '../store/import-stores.ts';
import { createReadProgress } from '../store/read-progress.ts';
import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

interface Dependencies {
  stores: Pick<Stores, 'estimates' | 'speeds'>;
  importStores: Pick<ImportStores, 'plans' | 'segments'>;
}

/** Small tabs say nothing about speed. */
const TELLING_RECORDS = 100;

/**
 * B5: how long a phase will still take: one that waits at the speeds measured so far; one that runs by what this run has shown as well. What
 * people are told is kept, to be judged when the phase has ended.
 */
export function makeEstimatePhase({
  stores,
  importStores,
}: Dependencies): LifecycleActivities['estimatePhase'] {
  const forecast = createForecast(stores.speeds);
  const readProgress = createReadProgress(importStores);
  return async ({ request, tabs, told }) => {
    if (told === undefined) {
      const ahead = tabs.map(({ tab, records, bytes }) => ({
        tab,
        run: notBegun(records, bytes),
        proven: false,
      }));
      return { milliseconds: Math.round((await forecast(ahead, 0)).end) };
    }
    const { phase, number, at } = told;
    const left = new Set(tabs.map(({ tab }) => tab));
    const tallies = await readProgress(request, phase);
    const now = Date.now();
    const { end } = await forecast(
      tallies.map(({ tab, run }) => ({ tab, run, proven: !left.has(tab) })),
      now,
    );
    const milliseconds = Math.round(end - now);
    const [toldAt, expectedEnd] = [new Date(at), new Date(at + milliseconds)];
    await stores.estimates.keep({ request, phase, number, toldAt, expectedEnd });
    return { milliseconds };
  };
}

/** B5: keeps how fast a tab was staged, imported and proven, as the ledger tells it. */
export function makeRecordSpeed({ stores, importStores }: Dependencies): LifecycleActivities['recordSpeed'] {
  return async ({ request, tab, phase, records, bytes, milliseconds }) => {
    if (records < TELLING_RECORDS || milliseconds <= 0) return;
    const now = Date.now();
    const spans: { from: number; to: number }[] = [];
    const staged: number[] = [];
    for await (const segment of importStores.segments.all({ request, phase: phase ?? 'phase-1', tab })) {
      const { stagedAt, begunAt, finishedAt } = segment;
      if (stagedAt !== null) staged.push(stagedAt);
      if (begunAt !== null && finishedAt !== null) spans.push({ from: begunAt, to: finishedAt });
    }
    const [first = 0, last = 0] = [staged[0], staged.at(-1)];
    const finished = spans.reduce((latest, { to }) => Math.max(latest, to), 0);
    const took = {
      // the first segment was closed when it was read: the time between shows the others
      ...(staged.length > 1 ? { staging: ((last - first) * staged.length) / (staged.length - 1) } : {}),
      importing: spans.length > 0 ? covered(spans) : milliseconds,
      ...(finished > 0 ? { proving: now - finished } : {}),
    };
    await stores.speeds.record({ what: tab, request, records, bytes, took });
  };
}

/** B5: a phase has ended: keeps how long its report took, and what came of what was told of its end. */
export function makeSettleEstimates({
  stores,
}: Pick<Dependencies, 'stores'>): LifecycleActivities['settleEstimates'] {
  return async ({ request, phase, at, records, bytes, reporting }) => {
    await stores.estimates.settle(request, phase, new Date(at));
    if (records < TELLING_RECORDS || reporting <= 0) return;
    await stores.speeds.record({ what: 'report', request, records, bytes, took: { reporting } });
  };
}
