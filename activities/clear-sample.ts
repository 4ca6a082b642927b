import type { Desk } from '../desk/desk.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { Links } from '../store/links.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import type { SampleActivities } from './control-activities.ts';
import { keeperOf } from './plan-view.ts';

export interface ClearSampleDeps {
  stores: { links: Pick<Links, 'removeOf'> };
  importStores: Pick<ImportStores, 'frozen' | 'erasure'>;
  storage: Pick<Storage, 'removeAll'>;
  desk: Pick<Desk, 'dropSamplePortal'>;
}

/** Makes the activity that takes a sample run away again, but for its report (B6). */
export function makeClearSample(deps: ClearSampleDeps): SampleActivities['clearSample'] {
  return ({ request }) => clearSample(deps, request);
}

/** Removes a request's throw-away portal, and what a sample run staged and noted. Again is harmless. */
export async function clearSample(
  { stores, importStores, storage, desk }: ClearSampleDeps,
  request: string,
): Promise<void> {
  const run = { request, phase: 'sample' } as const;
  const context = await importStores.frozen.find(request, 'sample');
  await desk.dropSamplePortal(request);
  if (context !== null) await stores.links.removeOf(request, context.portal, context.scope);
  await storage.removeAll(`segments/${request}/sample/`);
  await storage.removeAll(`drawn/${request}/sample/`);
  await storage.removeAll(`folded/${keeperOf(run)}/`);
  await storage.removeAll(`blobs/${keeperOf(run)}/`);
  await importStores.erasure.request(keeperOf(run), beat);
  await importStores.erasure.phase(request, 'sample', beat);
}
