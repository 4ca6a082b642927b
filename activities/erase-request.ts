import type { Desk } from '../desk/desk.ts';
import { isFinal } from '../domain/lifecycle.ts';
import { PHASES } from '../domain/phase.ts';
import { TABS } from '../domain/tab.ts';
import type { Erasures } from '../store/erasures.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { IncomingMails } from '../store/incoming-mail.ts';
import type { Links } from '../store/links.ts';
import type { Requests } from '../store/requests.ts';
import type { SourceKeys } from '../store/source-keys.ts';
import type { Storage } from '../store/storage.ts';
import type { Uploads } from '../store/uploads.ts';
import { beat } from './beat.ts';
import { clearSample } from './clear-sample.ts';
import type { EraseActivities, Erased } from './control-activities.ts';
import { ImportError } from './errors.ts';
import { findUnusedFiles, removeUnusedFiles } from './remove-unused.ts';

export interface EraseRequestDeps {
  stores: {
    requests: Pick<Requests, 'get'>;
    uploads: Pick<Uploads, 'list' | 'remove'>;
    erasures: Erasures;
    links: Pick<Links, 'removeOf'>;
  };
  importStores: ImportStores;
  incomingMails: Pick<IncomingMails, 'ofRequest' | 'erase'>;
  sourceKeys: Pick<SourceKeys, 'remove'>;
  storage: Pick<Storage, 'list' | 'bytes' | 'remove' | 'removeAll'>;
  desk: Pick<Desk, 'scanPortal' | 'dropSamplePortal'>;
  now?: () => Date;
}

/**
 * Makes the activity that erases a request that is over (F5): uploaded files, received mails, staged rows, the ledger of
 * their import and everything made of them on the way. What stays are the request itself, its audit log, its messages and its reports, and
 * in the desk the records and the attachment files that they have. What is erased is noted before anything is.
 * @throws ImportError REQUEST_OPEN while the request is not over
 */
export function makeEraseRequest(deps: EraseRequestDeps): EraseActivities['eraseRequest'] {
  return async ({ request, at, by, reason }) => {
    const { stores, importStores, incomingMails, storage } = deps;
    const document = await stores.requests.get(request);
    if (document === null || !isFinal(document.state)) {
      throw new ImportError('REQUEST_OPEN', `request ${request} is not over; it cannot be erased yet`);
    }
    const portal = document.desk?.portal ?? null;
    const measured = { ...(await measure(deps, request, portal)), request, at: new Date(at), by, reason };
    const begun = await stores.erasures.begin(measured);

    await storage.removeAll(`uploads/${request}/`);
    for (const { key } of await stores.uploads.list(request)) await stores.uploads.remove(request, key);
    await incomingMails.erase(request);
    await deps.sourceKeys.remove(request);
    await clearSample(deps, request);
    await storage.removeAll(`segments/${request}/`);
    await storage.removeAll(`drawn/${request}/`);
    await storage.removeAll(`folded/${request}/`);
    if (portal !== null) await removeUnusedFiles(deps, request, portal);
    await importStores.erasure.request(request, beat);
    await stores.erasures.done(request, (deps.now ?? (() => new Date()))());
    return toldOf(begun);
  };
}

function toldOf({ files, bytes, segments, records, mails, attachmentFiles }: Erased): Erased {
  return { files, bytes, segments, records, mails, attachmentFiles };
}

async function measure(deps: EraseRequestDeps, request: string, portal: string | null): Promise<Erased> {
  const { stores, importStores, incomingMails } = deps;
  const sum: Erased = { files: 0, bytes: 0, segments: 0, records: 0, mails: 0, attachmentFiles: 0 };
  for (const { bytes } of await stores.uploads.list(request)) {
    sum.files++;
    sum.bytes += bytes;
  }
  for (const phase of PHASES) {
    for (const tab of TABS) {
      for await (const { records } of importStores.segments.all({ request, phase, tab })) {
        beat();
        sum.segments++;
        sum.records += records;
      }
    }
  }
  sum.mails = (await incomingMails.ofRequest(request)).length;
  if (portal !== null) sum.attachmentFiles = (await findUnusedFiles(deps, request, portal)).length;
  return sum;
}
