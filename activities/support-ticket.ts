import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

type Dependencies = { stores: Pick<Stores, 'supportTickets'> };

/** C1: opens the request's ticket in the migration team's own portal; again answers the same one. */
export function makeOpenSupportTicket({ stores }: Dependencies): LifecycleActivities['openSupportTicket'] {
  return async ({ request, at }) => {
    const { ticket } = await stores.supportTickets.open({
      request,
      subject: `Migration ${request}`,
      at: new Date(at),
    });
    return { ticket };
  };
}

/** E4: closes it; again is harmless. */
export function makeCloseSupportTicket({ stores }: Dependencies): LifecycleActivities['closeSupportTicket'] {
  return async ({ request, at }) => {
    await stores.supportTickets.close(request, new Date(at));
  };
}
