import type { Desk } from '../desk/desk.ts';
import type { Links } from '../store/links.ts';
import type { Requests } from '../store/requests.ts';
import type { Storage } from '../store/storage.ts';
import type { UndoDecisions } from '../store/undo-decisions.ts';
import { beat } from './beat.ts';
import type { UndoActivities } from './control-activities.ts';
import { undoPlaceOf } from './undo-place.ts';

type BlobDeps = { desk: Pick<Desk, 'scanPortal'>; storage: Pick<Storage, 'list' | 'remove'> };

/**
 * Makes the activity that removes what only the undone records needed (F1): links and attachment files. How much that is is counted
 * and kept before anything is removed, so that an attempt that goes on where another was killed tells the same.
 */
export function makeRemoveUnused({
  stores,
  ...deps
}: BlobDeps & {
  stores: {
    requests: Pick<Requests, 'get'>;
    links: Pick<Links, 'countOf' | 'removeOf'>;
    undoDecisions: Pick<UndoDecisions, 'keepUnused' | 'findUnused'>;
  };
}): UndoActivities['removeUnused'] {
  return async ({ request }) => {
    const { portal, scope } = await undoPlaceOf(stores.requests, request);
    const counts =
      (await stores.undoDecisions.findUnused(request)) ??
      (await stores.undoDecisions.keepUnused(request, {
        links: await stores.links.countOf(request, portal, scope),
        files: (await findUnusedFiles(deps, request, portal)).length,
      }));
    await stores.links.removeOf(request, portal, scope);
    await removeUnusedFiles(deps, request, portal);
    return counts;
  };
}

/** The attachment files of a request that no record of the portal has. */
export async function findUnusedFiles(
  { desk, storage }: Pick<BlobDeps, 'desk'> & { storage: Pick<Storage, 'list'> },
  request: string,
  portal: string,
): Promise<string[]> {
  const unused = new Set<string>();
  for await (const key of storage.list(`blobs/${request}/`)) unused.add(key);
  if (unused.size === 0) return [];
  for await (const page of desk.scanPortal(portal, 'attachments', ['storageKey'])) {
    beat();
    for (const { fields } of page) {
      if (typeof fields['storageKey'] === 'string') unused.delete(fields['storageKey']);
    }
  }
  return [...unused];
}

/** Removes them. */
export async function removeUnusedFiles(deps: BlobDeps, request: string, portal: string): Promise<void> {
  const unused = await findUnusedFiles(deps, request, portal);
  for (const key of unused) {
    beat();
    await deps.storage.remove(key);
  }
}
