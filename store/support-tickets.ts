import type { Db } from 'mongodb';
import { insertNew } from './database.ts';
import { StoreError } from './errors.ts';

/** C1: something told on a support ticket. */
export interface SupportTicketEntry {
  /** the same key is the same entry, for example `message/3` or `reply/<key>` */
  key: string;
  at: Date;
  /** `out`: told by the migration team; `in`: by the requester */
  direction: 'in' | 'out';
  subject: string;
  text: string;
}

/** C1: a ticket in the migration team's own portal. */
export interface SupportTicket {
  /** its number, as people cite it */
  ticket: string;
  request: string;
  subject: string;
  openedAt: Date;
  closedAt: Date | null;
  /** in the order in which they came */
  entries: SupportTicketEntry[];
}

export interface SupportTickets {
  /** Opens the request's ticket; again answers the same one, open. */
  open(ticket: { request: string; subject: string; at: Date }): Promise<SupportTicket>;
  /** Adds an entry, once per key. @throws StoreError NOT_FOUND */
  append(request: string, entry: SupportTicketEntry): Promise<void>;
  /** Closes it; the first time stays. */
  close(request: string, at: Date): Promise<void>;
  /** Opens it again. */
  reopen(request: string): Promise<void>;
  get(request: string): Promise<SupportTicket | null>;
}

export function createSupportTickets(db: Db): SupportTickets {
  const tickets = db.collection<SupportTicket & { _id: string }>('supportTickets');
  const get = async (request: string): Promise<SupportTicket | null> => {
    const found = await tickets.findOne({ _id: request });
    if (found === null) return null;
    const { _id, ...ticket } = found;
    return ticket;
  };
  const must = async (request: string): Promise<SupportTicket> => {
    const found = await get(request);
    if (found === null) throw new StoreError('NOT_FOUND', `Request ${request} has no support ticket.`);
    return found;
  };
  const reopen = async (request: string): Promise<void> => {
    await tickets.updateOne({ _id: request }, { $set: { closedAt: null } });
  };
  return {
    get,
    async open({ request, subject, at }) {
      await insertNew(tickets, {
        _id: request,
        ticket: `S-${request}`,
        request,
        subject,
        openedAt: at,
        closedAt: null,
        entries: [],
      });
      await reopen(request);
      return must(request);
    },
    async append(request, entry) {
      const { matchedCount } = await tickets.updateOne(
        { _id: request, 'entries.key': { $ne: entry.key } },
        { $push: { entries: entry } },
      );
      if (matchedCount === 0) await must(request);
    },
    async close(request, at) {
      await tickets.updateOne({ _id: request, closedAt: null }, { $set: { closedAt: at } });
    },
    reopen,
  };
}
