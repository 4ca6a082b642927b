import { noCounts, RESULTS, type TabCounts } from '../domain/codes.ts';
import { TabDigest } from '../domain/digest.ts';
import { addCounts } from '../domain/record-outcome.ts';
import type { Desk } from '../desk/desk.ts';
import type { Discrepancy } from '../store/discrepancies.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { StoredPlan } from '../store/plans.ts';
import type { TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { foundBeforeKey, importedIds } from './fold-imported.ts';
import { readIdSet } from './id-set.ts';
import type { ImportActivities } from './import-activities.ts';
import { contextOf, firstPhase, planOf, sourceParts } from './plan-view.ts';

export interface ProveTabDeps {
  stores: ImportStores;
  storage: Storage;
  desk: Desk;
}

/** What the ledger says of a tab. */
export interface TabSum {
  /** `source` is counted apart (D1) */
  counts: TabCounts;
  warnings: number;
  sourceDigest: string;
  /** of what was read back; only of the segments that were */
  deskDigest: string;
  /** records that the desk holds by this phase; null when the ledger does not say */
  own: number | null;
  /** segments not imported or not read back */
  unproven: number;
  /** what reading back named */
  discrepancies: number;
}

/**
 * D1: how many records the source has for a tab, by the count apart: of the parts' rows those that no later reply replaces, and
 * in phase 2 the failed records of the phase before that are taken once more.
 */
async function countSource(
  { stores }: Pick<ProveTabDeps, 'stores'>,
  plan: StoredPlan,
  key: TabKey,
): Promise<number> {
  let records = 0;
  for (const part of sourceParts(plan, key.tab)) records += part.records;
  const staged = await stores.segments.findStaged(key);
  records -= staged?.superseded ?? 0;
  if (plan.continues === null) return records;
  for await (const segment of stores.segments.all({ ...key, phase: plan.continues })) {
    records += segment.finished?.counts.failed ?? 0;
  }
  return records - (staged?.replaced ?? 0);
}

/** Adds a tab's segments up. */
export async function sumTab(
  deps: Pick<ProveTabDeps, 'stores'>,
  plan: StoredPlan,
  key: TabKey,
): Promise<TabSum> {
  let counts = noCounts();
  const source = new TabDigest();
  const desk = new TabDigest();
  const sum = { warnings: 0, own: 0 as number | null, unproven: 0, discrepancies: 0 };
  for await (const { finished, proof } of deps.stores.segments.all(key)) {
    if (finished === null) {
      sum.unproven++;
      continue;
    }
    counts = addCounts(counts, finished.counts);
    sum.warnings += finished.warnings;
    sum.own = sum.own === null || finished.own === undefined ? null : sum.own + finished.own;
    source.merge(finished.sourceDigest);
    if (proof === null) sum.unproven++;
    else {
      desk.merge(proof.deskDigest);
      sum.discrepancies += proof.discrepancies;
    }
  }
  return {
    ...sum,
    counts: { ...counts, source: await countSource(deps, plan, key) },
    sourceDigest: source.toString(),
    deskDigest: desk.toString(),
  };
}

/** Makes the activity that proves a tab: the sums agree (D1), the digests agree, and no record is there that nobody knows of (D2). */
export function makeProveTab(deps: ProveTabDeps): ImportActivities['proveTab'] {
  return async (run) => {
    const key: TabKey = { ...run };
    const plan = await planOf(deps.stores, run);
    const sum = await sumTab(deps, plan, key);
    const extra = await findExtra(deps, plan, key, sum);
    const wrongCounts = compareCounts(key, sum.counts);
    await deps.stores.discrepancies.replace(key, 'extra', extra.named);
    await deps.stores.discrepancies.replace(key, 'counts', wrongCounts);
    return {
      counts: sum.counts,
      warnings: sum.warnings,
      digestsMatch: sum.unproven === 0 && sum.sourceDigest === sum.deskDigest,
      discrepancies: sum.discrepancies + extra.count + wrongCounts.length,
    };
  };
}

function compareCounts({ tab }: TabKey, counts: TabCounts): Discrepancy[] {
  let sum = 0;
  for (const result of RESULTS) sum += counts[result];
  if (sum === counts.source) return [];
  return [{ tab, kind: 'counts', externalId: '', expected: String(counts.source), found: String(sum) }];
}

/** Most extra records of a tab that are named; all are counted. */
const NAMED = 10_000;

/** D2: records under the scope that neither this request imported nor anybody had there before. */
async function findExtra(
  deps: ProveTabDeps,
  plan: StoredPlan,
  key: TabKey,
  sum: TabSum,
): Promise<{ count: number; named: Discrepancy[] }> {
  const first = { ...key, phase: firstPhase(plan) };
  const { portal, scope, frozenBy } = await contextOf(deps.stores, first);
  const before = await readIdSet(deps.storage, foundBeforeKey(first, frozenBy?.start));
  const extra = { count: 0, named: [] as Discrepancy[] };
  // where every record was read back and nobody had others there, as many as these are these
  const isReadBack = plan.continues === null && sum.unproven === 0 && sum.discrepancies === 0;
  if (
    isReadBack &&
    (before?.size ?? 0) === 0 &&
    (await deps.desk.count(portal, scope, key.tab)) === sum.own
  ) {
    return extra;
  }
  const imported = await importedIds(deps, key, plan.continues);
  for await (const page of deps.desk.scan(portal, scope, key.tab)) {
    beat();
    for (const { externalId } of page) {
      if (imported.has(externalId) || before?.has(externalId) === true) continue;
      extra.count++;
      if (extra.named.length >= NAMED) continue;
      extra.named.push({ tab: key.tab, kind: 'extra', externalId, expected: null, found: 'present' });
    }
  }
  return extra;
}
