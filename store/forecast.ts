import { expectedEnd, type Learned } from '../domain/expected-end.ts';
import type { TabTally } from './read-progress.ts';
import type { SpeedSample, Speeds } from './speeds.ts';

/**
 * B5: tells when a phase under way is expected to end, and each of its tabs, in epoch milliseconds.
 * @param tabs as the ledger has them, and whether each is proven
 */
export type Forecast = (
  tabs: readonly (Pick<TabTally, 'tab' | 'run'> & { proven: boolean })[],
  now: number,
) => Promise<{ end: number; tabs: (number | null)[] }>;

/** How long learned speeds are remembered: a phase that is watched is asked for every second. */
const REMEMBERED_MS = 60_000;

export function createForecast(speeds: Pick<Speeds, 'of'>): Forecast {
  const remembered = new Map<SpeedSample['what'], { learned: Learned; since: number }>();
  const learnedOf = async (what: SpeedSample['what']): Promise<Learned> => {
    const known = remembered.get(what);
    if (known !== undefined && Date.now() - known.since < REMEMBERED_MS) return known.learned;
    const learned = await speeds.of(what);
    remembered.set(what, { learned, since: Date.now() });
    return learned;
  };
  return async (tabs, now) => {
    const ahead = await Promise.all(
      tabs.map(async ({ tab, run, proven }) => ({ ...run, proven, learned: await learnedOf(tab) })),
    );
    return expectedEnd(ahead, await learnedOf('report'), now);
  };
}
