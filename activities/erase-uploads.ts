import type { IncomingMails } from '../store/incoming-mail.ts';
import type { Storage } from '../store/storage.ts';
import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

/** A9, F5: deletes the files of a request, those of its replies included. Again is harmless. */
export function makeEraseUploads({
  stores,
  storage,
  incomingMails,
}: {
  stores: Pick<Stores, 'uploads'>;
  incomingMails: Pick<IncomingMails, 'erase'>;
  storage: Pick<Storage, 'removeAll'>;
}): LifecycleActivities['eraseUploads'] {
  return async ({ request }) => {
    await storage.removeAll(`uploads/${request}/`);
    for (const { key } of await stores.uploads.list(request)) await stores.uploads.remove(request, key);
    await incomingMails.erase(request);
  };
}
