import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { type IdSet, IdSetBuilder } from './id-set.ts';
import type { ImportActivities } from './import-activities.ts';
import { keeperOf, planOf } from './plan-view.ts';

/** Where the ids lie that a request imported up to the end of a phase. */
export function foldedKey({ request, phase, tab }: { request: string; phase: Phase; tab: Tab }): string {
  return `folded/${request}/${phase}/${tab}`;
}

/** Where the ids lie that were under the request's scope before its first phase. */
export function foundBeforeKey({ tab, ...run }: { request: string; phase: Phase; tab: Tab }): string {
  return `folded/${keeperOf(run)}/before/${tab}`;
}

interface Deps {
  stores: ImportStores;
  storage: Storage;
}

/**
 * The ids of a tab that this request imported in this phase or before: created, updated or found unchanged as its own. What an
 * agent edited or deleted since stays among them.
 */
export async function importedIds(
  { stores, storage }: Deps,
  key: TabKey,
  continues: Phase | null,
): Promise<IdSet> {
  const ids = new IdSetBuilder();
  if (continues !== null) {
    const earlier = foldedKey({ ...key, phase: continues });
    if (await storage.exists(earlier)) ids.addBytes(await storage.get(earlier));
  }
  for await (const segment of stores.segments.all(key)) {
    if (segment.finished === null) continue;
    beat();
    for (const { externalId } of await stores.segments.digests(key, segment.number)) ids.add(externalId);
  }
  return ids.build();
}

/** Makes the activity that folds the ids a phase imported into the sorted sets that the next phase asks (E3). */
export function makeFoldImported(deps: Deps): ImportActivities['foldImported'] {
  return async (run) => {
    const plan = await planOf(deps.stores, run);
    for (const tab of plan.tabs) {
      const key: TabKey = { ...run, tab };
      const ids = await importedIds(deps, key, plan.continues);
      await deps.storage.put(foldedKey(key), ids.toBytes());
    }
  };
}
