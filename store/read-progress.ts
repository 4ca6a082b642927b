import { RESULTS, type Result } from '../domain/codes.ts';
import type { TabRun } from '../domain/expected-end.ts';
import type { Phase } from '../domain/phase.ts';
import { type Tab, TABS } from '../domain/tab.ts';
import type { PlannedPart, StoredPlan } from './plans.ts';
import type { Segment, Segments, TabKey } from './segments.ts';

/** How far one tab of a phase is. */
export interface TabTally {
  tab: Tab;
  /** records in the source; null until they are counted */
  total: number | null;
  /** records done so far, by what became of them */
  results: Record<Result, number>;
  /** B5: what it has shown of its speed */
  run: Omit<TabRun, 'proven'>;
}

/** Tells how far a phase is, tab by tab in import order; empty when it is not planned yet. */
export type ReadProgress = (request: string, phase: Phase) => Promise<TabTally[]>;

type LedgerEntry = Pick<Segment, 'number' | 'records' | 'finished' | 'stagedAt' | 'begunAt' | 'finishedAt'>;

/** What progress is read from: the import's plans and its ledger. */
export interface ProgressLedger {
  plans: {
    find(
      request: string,
      phase: Phase,
    ): Promise<
      | (Pick<StoredPlan, 'tabs'> & { parts: Pick<PlannedPart, 'tab' | 'records' | 'bytes' | 'carried'>[] })
      | null
    >;
  };
  segments: Pick<Segments, 'findStaged'> & {
    page(key: TabKey, after: number, limit: number): Promise<LedgerEntry[]>;
  };
}

/** What the ledger said of one tab so far. */
interface Seen {
  results: Record<Result, number>;
  staged: Omit<TabRun['staged'], 'ended'>;
  imported: { records: number; latest: TabRun['imported']['latest'] };
}

/** The segments up to `upTo` are finished without a gap. */
interface Counted extends Seen {
  since: number;
  upTo: number;
}

/** B5: how many of the latest segments show the speed of a tab */
const LATEST = 50;
const PAGE = 500;
/** tabs whose finished segments are remembered, so that a poll reads only what is new */
const REMEMBERED = 1_000;
/** F1: a retried tab finishes its segments anew; what is remembered is at most this old */
const REMEMBERED_MS = 60_000;

const none = (): Record<Result, number> => ({ created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0 });

/** Reads progress from the ledger of segments. Nothing is counted twice: only segments not finished at the last look are read again. */
export function createReadProgress(ledger: ProgressLedger): ReadProgress {
  const remembered = new Map<string, Counted>();

  async function lookAt(request: string, phase: Phase, tab: Tab): Promise<Seen & Pick<TabRun, 'underWay'>> {
    const key = `${request}/${phase}/${tab}`;
    const known = remembered.get(key);
    const fresh = known !== undefined && Date.now() - known.since < REMEMBERED_MS;
    let settled: Counted = fresh ? known : { since: Date.now(), upTo: 0, ...nothingSeen() };
    let now: Seen = settled;
    const underWay: { records: number; from: number }[] = [];
    let gapless = true;
    for (let after = settled.upTo; ; ) {
      const page = await ledger.segments.page({ request, phase, tab }, after, PAGE);
      for (const segment of page) {
        now = withSegment(now, segment);
        if (segment.finished === null) gapless = false;
        if (segment.finished === null && segment.begunAt !== null)
          underWay.push({ records: segment.records, from: segment.begunAt });
        if (gapless) settled = { since: settled.since, upTo: segment.number, ...now };
      }
      if (page.length < PAGE) break;
      after = page.at(-1)?.number ?? after;
    }
    remembered.delete(key);
    remembered.set(key, settled);
    const oldest = remembered.keys().next();
    if (remembered.size > REMEMBERED && oldest.done !== true) remembered.delete(oldest.value);
    return { results: now.results, staged: now.staged, imported: now.imported, underWay };
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
        const seen = await lookAt(request, phase, tab);
        const total = staged?.records ?? counted;
        const run = {
          records: total ?? seen.staged.records,
          bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
          staged: { ...seen.staged, ended: staged !== null },
          imported: seen.imported,
          underWay: seen.underWay,
        };
        return { tab, total, results: seen.results, run };
      }),
    );
  };
}

const nothingSeen = (): Seen => ({
  results: none(),
  staged: { records: 0, from: null, to: null },
  imported: { records: 0, latest: [] },
});

function withSegment({ results, staged, imported }: Seen, segment: LedgerEntry): Seen {
  const { records, finished, stagedAt, begunAt, finishedAt } = segment;
  const seen: Seen = {
    results: { ...results },
    staged: {
      records: staged.records + records,
      from: staged.from ?? stagedAt,
      to: stagedAt ?? staged.to,
    },
    imported,
  };
  if (finished === null) return seen;
  for (const result of RESULTS) seen.results[result] += finished.counts[result];
  const span = begunAt === null || finishedAt === null ? [] : [{ records, from: begunAt, to: finishedAt }];
  seen.imported = {
    records: imported.records + records,
    latest: [...imported.latest, ...span].slice(-LATEST),
  };
  return seen;
}
