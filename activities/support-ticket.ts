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
 * E1: a reply that was taken, on the request's support ticket; once, by mail or by the API.
 * @param key of the reply
 */
export async function putReplyOnTicket(
  stores: Pick<Stores, 'replies' | 'supportTickets' | 'uploads'>,
  request: string,
  key: string,
): Promise<void> {
  const reply = await stores.replies.get(request, key);
  if (reply === null || (await stores.supportTickets.get(request)) === null) return;
  const files = await stores.uploads.list(request, key);
  await stores.supportTickets.append(request, {
    key: `reply/${key}`,
    at: reply.at,
    direction: 'in',
    subject: `Reply of ${reply.by}`,
    text: textWithFiles(reply.text, files, reply.mapping),
  });
}

/** A reply's text with what came along: each file, a corrected mapping. */
export function textWithFiles(
  text: string,
  files: readonly { name: string; bytes: number }[],
  mapping: unknown,
  others: readonly string[] = [],
): string {
  const lines = [
    ...files.map(({ name, bytes }) => `+ ${name} (${bytes.toLocaleString('en')} bytes)`),
    ...(mapping === null ? [] : ['+ mapping.json']),
    ...others,
  ];
  return lines.length === 0 ? text : `${text}\n\n${lines.join('\n')}`;
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
