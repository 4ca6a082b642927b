import type { Db } from 'mongodb';
import { idsUnder, insertNew, padded, type Slice } from './database.ts';
import { StoreError } from './errors.ts';

/** One message to the people of a request, as it was composed and sent. */
export interface Message {
  request: string;
  /** numbered by the request's process: the same number is the same message */
  sequence: number;
  kind: string;
  /** when it was ordered */
  at: Date;
  to: string[];
  cc: string[];
  subject: string;
  text: string;
  html: string;
  attachments: { name: string; bytes: number }[];
  /** derived, so that a doubled delivery is recognised by the reader's mail program */
  messageId: string;
  state: 'composed' | 'sent';
  sentAt: Date | null;
}

export interface Messages {
  /**
   * Keeps a message before it is sent. What was kept first under the number stays: send what this answers, unless
   * its state is `sent` already.
   */
  compose(message: Omit<Message, 'state' | 'sentAt'>): Promise<Message>;
  /** Notes that the mail server has taken it; the first time noted stays. Answers that time. @throws StoreError NOT_FOUND */
  markSent(request: string, sequence: number, at: Date): Promise<Date>;
  get(request: string, sequence: number): Promise<Message | null>;
  /**
   * The number under which a message stands or belongs: its own, unless another message has it. A process that was reset gives
   * its numbers again, and what it says then is not what it said before.
   */
  place(order: Pick<Message, 'request' | 'sequence' | 'kind' | 'at'>): Promise<number>;
  /** In order of their numbers; all of them, or a part. */
  list(request: string, slice?: Slice): Promise<Message[]>;
}

/** Numbers of a process that was reset begin again behind so many. */
const RUN_NUMBERS = 1_000_000;

export function createMessages(db: Db): Messages {
  const messages = db.collection<Message & { _id: string }>('messages');
  const idOf = (request: string, sequence: number): string => `${request}/${padded(sequence)}`;
  const get = async (request: string, sequence: number): Promise<Message | null> => {
    const found = await messages.findOne({ _id: idOf(request, sequence) });
    if (found === null) return null;
    const { _id, ...message } = found;
    return message;
  };
  const must = async (request: string, sequence: number): Promise<Message> => {
    const found = await get(request, sequence);
    if (found === null) throw new StoreError('NOT_FOUND', `Request ${request} has no message ${sequence}.`);
    return found;
  };
  return {
    get,
    async place({ request, sequence, kind, at }) {
      for (let number = sequence; ; number += RUN_NUMBERS) {
        const found = await get(request, number);
        if (found === null || (found.kind === kind && found.at.getTime() === at.getTime())) return number;
      }
    },
    async compose(message) {
      const { request, sequence } = message;
      await insertNew(messages, {
        _id: idOf(request, sequence),
        ...message,
        state: 'composed',
        sentAt: null,
      });
      return must(request, sequence);
    },
    async markSent(request, sequence, at) {
      await messages.updateOne(
        { _id: idOf(request, sequence), state: 'composed' },
        { $set: { state: 'sent', sentAt: at } },
      );
      const { sentAt } = await must(request, sequence);
      return sentAt ?? at;
    },
    async list(request, slice) {
      const found = await messages
        .find({ _id: idsUnder(`${request}/`, slice) }, { sort: { _id: 1 }, limit: slice?.limit ?? 0 })
        .toArray();
      return found.map(({ _id, ...message }) => message);
    },
  };
}
