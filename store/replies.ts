import type { Db } from 'mongodb';
import { idsUnder, insertNew } from './database.ts';

/** E1: what a requester sent in the window. */
export interface Reply {
  request: string;
  /** the same key is the same reply */
  key: string;
  at: Date;
  /** `role:key name`, or `mail` */
  by: string;
  text: string;
  /** a corrected field mapping (A10), or null */
  mapping: unknown;
  /** keys of its uploads, in order of arrival */
  files: string[];
}

export interface Replies {
  /** Keeps a reply; false when there is one of this key already, which stays as it was. */
  put(reply: Reply): Promise<boolean>;
  get(request: string, key: string): Promise<Reply | null>;
  /** In order of time. */
  list(request: string): Promise<Reply[]>;
}

interface ReplyDocument extends Omit<Reply, 'mapping'> {
  _id: string;
  /** JSON: its names may hold what a document's field names may not */
  mapping: string;
}

export function createReplies(db: Db): Replies {
  const replies = db.collection<ReplyDocument>('replies');
  return {
    put: (reply) =>
      insertNew(replies, {
        _id: `${reply.request}/${reply.key}`,
        ...reply,
        mapping: JSON.stringify(reply.mapping ?? null),
      }),
    async get(request, key) {
      const found = await replies.findOne({ _id: `${request}/${key}` });
      return found === null ? null : toReply(found);
    },
    async list(request) {
      const found = await replies.find({ _id: idsUnder(`${request}/`) }).toArray();
      return found
        .map(toReply)
        .toSorted((a, b) => a.at.getTime() - b.at.getTime() || (a.key < b.key ? -1 : 1));
    },
  };
}

function toReply({ _id, mapping, ...rest }: ReplyDocument): Reply {
  return { ...rest, mapping: JSON.parse(mapping) };
}
