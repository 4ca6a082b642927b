import type { Db } from 'mongodb';
import { idsUnder } from './database.ts';

/** What became of a mail to the mailbox of replies. */
export type MailOutcome =
  /** E1: a reply, taken in the window */
  | 'taken'
  /** E2: it came after the window, and a mail said so */
  | 'late'
  /** A4: its files are over a limit of the window, and a mail said so */
  | 'overLimit'
  /** there is no window for it: before phase 1 has ended, or a request that never came so far */
  | 'notInWindow'
  /** it holds neither text nor files */
  | 'empty'
  /** so many in so short a time that a program may be answering us */
  | 'tooMany'
  | 'unreadable'
  | 'tooLarge'
  /** written by a program: an absence note, a report that a mail was not delivered */
  | 'automatic'
  /** its address names no request, or was forged */
  | 'unknownAddress'
  /** its address is right, but it is not from the primary contact or the requester */
  | 'unknownSender'
  | 'severalRequests';

/** A file of a mail that was not taken. */
export interface IgnoredFile {
  name: string;
  /** stable name of the reason */
  reason: string;
}

/** A mail that was received, and what became of it. */
export interface IncomingMail {
  /** `<request>/<key>` for a mail of a request, `unknown/<mail id>` for another */
  id: string;
  request: string | null;
  via: 'smtp' | 'imap';
  arrivedAt: Date;
  /** when the request's process was told of it; null = not (yet) */
  toldAt: Date | null;
  /** null = not yet decided */
  outcome: MailOutcome | null;
  ignored: IgnoredFile[];
  /** where the mail lies for the team, when it was not taken; else null */
  heldAs: string | null;
  /** of a held mail: who it says it is from, and its subject */
  from: string | null;
  subject: string | null;
}

export interface IncomingMails {
  /** Notes that a mail came; the first note of the id stays. Answers what stands. */
  arrive(mail: Pick<IncomingMail, 'id' | 'request' | 'via' | 'arrivedAt'>): Promise<IncomingMail>;
  /** Notes that the request's process was told. */
  told(id: string, at: Date): Promise<void>;
  /** Notes what became of it. */
  settle(
    id: string,
    end: Pick<IncomingMail, 'outcome' | 'ignored' | 'heldAs' | 'from' | 'subject'>,
  ): Promise<void>;
  get(id: string): Promise<IncomingMail | null>;
  /** All of one request, in order of arrival. */
  ofRequest(request: string): Promise<IncomingMail[]>;
  /** Mails of no request, the newest first. @param before id to go on behind, or null */
  unknown(before: string | null, limit: number): Promise<IncomingMail[]>;
  remove(id: string): Promise<void>;
  /** F5: forgets all of one request. */
  erase(request: string): Promise<void>;
}

const UNKNOWN = 'unknown/';

/** The id of a mail of no request. @param mail its id, in the order of arrival */
export function unknownMailId(mail: string): string {
  return `${UNKNOWN}${mail}`;
}

export function createIncomingMails(db: Db): IncomingMails {
  const mails = db.collection<Omit<IncomingMail, 'id'> & { _id: string }>('incomingMail');
  const shown = ({ _id, ...rest }: Omit<IncomingMail, 'id'> & { _id: string }): IncomingMail => ({
    id: _id,
    ...rest,
  });
  const get = async (id: string): Promise<IncomingMail | null> => {
    const found = await mails.findOne({ _id: id });
    return found === null ? null : shown(found);
  };
  return {
    get,
    async arrive({ id, ...mail }) {
      const fresh = {
        ...mail,
        toldAt: null,
        outcome: null,
        ignored: [],
        heldAs: null,
        from: null,
        subject: null,
      };
      await mails.updateOne({ _id: id }, { $setOnInsert: fresh }, { upsert: true });
      return (await get(id)) ?? { id, ...fresh };
    },
    async told(id, at) {
      await mails.updateOne({ _id: id }, { $set: { toldAt: at } });
    },
    async settle(id, end) {
      await mails.updateOne({ _id: id }, { $set: end });
    },
    async ofRequest(request) {
      const found = await mails.find({ _id: idsUnder(`${request}/`) }).toArray();
      return found.map(shown).toSorted((a, b) => a.arrivedAt.getTime() - b.arrivedAt.getTime());
    },
    async unknown(before, limit) {
      const { $gt, $lt } = idsUnder(UNKNOWN);
      const found = await mails
        .find({ _id: { $gt, $lt: before ?? $lt } }, { sort: { _id: -1 }, limit })
        .toArray();
      return found.map(shown);
    },
    async remove(id) {
      await mails.deleteOne({ _id: id });
    },
    async erase(request) {
      await mails.deleteMany({ _id: idsUnder(`${request}/`) });
    },
  };
}
