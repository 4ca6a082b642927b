import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

type Dependencies = { stores: Pick<Stores, 'speeds'> };

/** Before anything was measured: modest speeds, so that people are rather told too late a time than too early a one. */
const UNMEASURED = { recordsPerSecond: 2_000, bytesPerSecond: 2_000_000 };

/** Time a tab takes however small it is: staging, proof and report are started and ended. */
const PER_TAB_MS = 1_000;

/** B5: how long a phase of this size takes at the speeds measured so far. */
export function makeEstimatePhase({ stores }: Dependencies): LifecycleActivities['estimatePhase'] {
  return async ({ tabs }) => {
    let milliseconds = 0;
    for (const { tab, records, bytes } of tabs) {
      const speed = (await stores.speeds.of(tab)) ?? UNMEASURED;
      const seconds = Math.max(records / speed.recordsPerSecond, bytes / speed.bytesPerSecond);
      milliseconds += PER_TAB_MS + (Number.isFinite(seconds) ? seconds * 1_000 : 0);
    }
    return { milliseconds: Math.round(milliseconds) };
  };
}

/** B5: keeps how fast a tab was imported. Small tabs say nothing about speed. */
export function makeRecordSpeed({ stores }: Dependencies): LifecycleActivities['recordSpeed'] {
  return async (sample) => {
    if (sample.records < 100 || sample.milliseconds <= 0) return;
    await stores.speeds.record(sample);
  };
}
