import type { Message } from '../store/messages.ts';
import type { Stores } from '../store/stores.ts';
import type { LifecycleActivities } from './lifecycle-activities.ts';

/** C1: what a mail told, on the request's support ticket; once. */
export async function putOnTicket(
  tickets: Pick<Stores['supportTickets'], 'append'>,
  { request, sequence, at, subject, text }: Pick<Message, 'request' | 'sequence' | 'at' | 'subject' | 'text'>,
): Promise<void> {
  await tickets.append(request, { key: `message/${sequence}`, at, direction: 'out', subject, text });
}

/**
 * C1: opens the request's ticket in the migration team's own portal, with all that was told by mail before; again answers the
 * same one.
 */
export function makeOpenSupportTicket({
  stores,
}: {
  stores: Pick<Stores, 'messages' | 'supportTickets'>;
}): LifecycleActivities['openSupportTicket'] {
  return async ({ request, at }) => {
    const { ticket } = await stores.supportTickets.open({
      request,
      subject: `Migration ${request}`,
      at: new Date(at),
    });
    // A mail that is being sent meanwhile stands here already, or finds the ticket.
    for (const message of await stores.messages.list(request)) {
      await putOnTicket(stores.supportTickets, message);
    }
    return { ticket };
  };
}

/** E4: closes it; again is harmless. */
export function makeCloseSupportTicket({
  stores,
}: {
  stores: Pick<Stores, 'supportTickets'>;
}): LifecycleActivities['closeSupportTicket'] {
  return async ({ request, at }) => {
    await stores.supportTickets.close(request, new Date(at));
  };
}
