import { RESULTS, type Result } from '../domain/codes.ts';
import type { Phase } from '../domain/phase.ts';
import { type Tab, TABS } from '../domain/tab.ts';
import type { PlannedPart, StoredPlan } from '../store/plans.ts';
import type { Segment, Segments, TabKey } from '../store/segments.ts';

/** How far one tab of a phase is. */
export interface TabTally {
  tab: Tab;
  /** records in the source; null until they are counted */
  total: number | null;
  /** records done so far, by what became of them */
  results: Record<Result, number>;
}

/** Tells how far a phase is, tab by tab in import order; empty when it is not planned yet. */
export type ReadProgress = (request: string, phase: Phase) => Promise<TabTally[]>;

/** What progress is read from: the import's plans and its ledger. */
export interface ProgressLedger {
  plans: {
    find(
      request: string,
      phase: Phase,
    ): Promise<
      (Pick<StoredPlan, 'tabs'> & { parts: Pick<PlannedPart, 'tab' | 'records' | 'carried'>[] }) | null
    >;
  };
  segments: Pick<Segments, 'findStaged'> & {
    page(key: TabKey, after: number, limit: number): Promise<Pick<Segment, 'number' | 'finished'>[]>;
  };
}

/** What the ledger said of one tab so far: the segments up to `upTo` are finished without a gap. */
interface Counted {
  since: number;
  upTo: number;
  results: Record<Result, number>;
}

const PAGE = 500;
/** tabs whose finished segments are remembered, so that a poll reads only what is new */
const REMEMBERED = 1_000;
/** F1: a retried tab finishes its segments anew; what is remembered is at most this old */
const REMEMBERED_MS = 60_000;

const none = (): Record<Result, number> => ({ created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0 });

/** Reads progress from the ledger of segments. Nothing is counted twice: only segments not finished at the last look are read again. */
export function createReadProgress(ledger: ProgressLedger): ReadProgress {
  const remembered = new Map<string, Counted>();

  async function resultsOf(request: string, phase: Phase, tab: Tab): Promise<Record<Result, number>> {
    const key = `${request}/${phase}/${tab}`;
    const known = remembered.get(key);
    const fresh = known !== undefined && Date.now() - known.since < REMEMBERED_MS;
    const settled = fresh ? known : { since: Date.now(), upTo: 0, results: none() };
    const now = { ...settled.results };
    let gapless = true;
    for (let after = settled.upTo; ; ) {
      const page = await ledger.segments.page({ request, phase, tab }, after, PAGE);
      for (const { number, finished } of page) {
        if (finished === null) gapless = false;
        else for (const result of RESULTS) now[result] += finished.counts[result];
        if (gapless) {
          settled.upTo = number;
          settled.results = { ...now };
        }
      }
      if (page.length < PAGE) break;
      after = page.at(-1)?.number ?? after;
    }
    remembered.delete(key);
    remembered.set(key, settled);
    const oldest = remembered.keys().next();
    if (remembered.size > REMEMBERED && oldest.done !== true) remembered.delete(oldest.value);
    return now;
  }

  return async (request, phase) => {
    const plan = await ledger.plans.find(request, phase);
    if (plan === null) return [];
    const tabs = TABS.filter((tab) => plan.tabs.includes(tab));
    return Promise.all(
      tabs.map(async (tab) => {
        const staged = await ledger.segments.findStaged({ request, phase, tab });
        const parts = plan.parts.filter((part) => part.tab === tab);
        // E3: how many failed records are taken once more is known when the tab is staged
        const counted = parts.some((part) => part.carried !== null)
          ? null
          : parts.reduce((sum, part) => sum + part.records, 0);
        return { tab, total: staged?.records ?? counted, results: await resultsOf(request, phase, tab) };
      }),
    );
  };
}
