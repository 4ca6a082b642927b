import { hash } from 'node:crypto';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { Segment, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { keepFailed } from './carry-failed.ts';
import { type IdSet, IdSetBuilder, readIdSet } from './id-set.ts';
import type { ImportActivities } from './import-activities.ts';
import { keeperOf, planOf } from './plan-view.ts';
import { readAhead } from './read-ahead.ts';

/** A name for the ledger of a tab as it stands: another one when any outcome is another. */
export async function ledgerName(
  { stores }: { stores: Pick<ImportStores, 'segments'> },
  key: TabKey,
): Promise<string> {
  let ledger = '';
  for await (const { number, finished } of stores.segments.all(key)) {
    ledger = hash('sha256', `${ledger} ${number} ${finished?.fingerprint}`);
  }
  return ledger.slice(0, 32);
}

/**
 * Where the ids lie that a request imported in a tab up to the end of a phase. It is named after the ledger that they come from: what
 * a late attempt folds of an older one, nobody asks (D3).
 */
const foldedKey = (key: TabKey, ledger: string): string => `${folderOf(key)}-${ledger}`;

const folderOf = ({ request, phase, tab }: TabKey): string => `folded/${request}/${phase}/${tab}`;

/** The ids that a request imported in a tab up to the end of a phase that was folded; null when there are none. */
export async function foldedIds(deps: Deps, key: TabKey): Promise<IdSet | null> {
  const ids = await readIdSet(deps.storage, foldedKey(key, await ledgerName(deps, key)));
  // an earlier version had one name for all
  return ids ?? readIdSet(deps.storage, folderOf(key));
}

/**
 * Where the ids lie that were under the request's scope before its first phase.
 * @param attempt that noted them; an earlier version had one name for all
 */
export function foundBeforeKey(
  { tab, ...run }: { request: string; phase: Phase; tab: Tab },
  attempt: string | undefined,
): string {
  return `folded/${keeperOf(run)}/before/${tab}${attempt === undefined ? '' : `-${attempt}`}`;
}

interface Deps {
  stores: ImportStores;
  storage: Storage;
}

/**
 * The ids of a tab that this request imported in this phase or before: created, updated or found unchanged as its own. What an
 * agent edited or deleted since stays among them.
 */
export async function importedIds(deps: Deps, key: TabKey, continues: Phase | null): Promise<IdSet> {
  const { stores } = deps;
  const ids = new IdSetBuilder();
  if (continues !== null) {
    const earlier = await foldedIds(deps, { ...key, phase: continues });
    if (earlier !== null) ids.addBytes(earlier.toBytes());
  }
  const read = async ({ number, finished }: Segment) =>
    finished === null ? NO_IDS : ((await stores.segments.ids(key, number)) ?? idsOf(stores, key, number));
  for await (const bytes of readAhead(stores.segments.all(key), read)) {
    beat();
    ids.addBytes(bytes);
  }
  return ids.build();
}

const NO_IDS = new Uint8Array();

/** Of a segment that an earlier version has imported. */
async function idsOf(stores: ImportStores, key: TabKey, number: number): Promise<Uint8Array> {
  const ids = new IdSetBuilder();
  for (const { externalId } of await stores.segments.digests(key, number)) ids.add(externalId);
  return ids.build().toBytes();
}

/**
 * Makes the activity that folds the ids a phase imported into the sorted sets that the next phase asks, and keeps what failed for it
 * (E3).
 */
export function makeFoldImported(deps: Deps): ImportActivities['foldImported'] {
  return async (run) => {
    const plan = await planOf(deps.stores, run);
    for (const tab of plan.tabs) {
      const key: TabKey = { ...run, tab };
      // named before it is read: what changes meanwhile is another ledger
      const ledger = await ledgerName(deps, key);
      const ids = await importedIds(deps, key, plan.continues);
      await deps.storage.put(foldedKey(key, ledger), ids.toBytes());
      await keepFailed(deps, key, ledger);
    }
  };
}
