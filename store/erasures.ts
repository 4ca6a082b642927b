import type { Db } from 'mongodb';
import { insertNew } from './database.ts';

/** F5: what of a request was erased; sizes as they were before anything was deleted. */
export interface Erasure {
  request: string;
  /** when it was begun */
  at: Date;
  /** `operator:key name`, or `system` after the retention time */
  by: string;
  reason: string;
  /** uploaded files, those of replies included, and their bytes */
  files: number;
  bytes: number;
  /** staged rows: segments, and the records in them */
  segments: number;
  records: number;
  /** mails that came as replies, as they were received */
  mails: number;
  /** attachment files that no record of the desk has */
  attachmentFiles: number;
  /** null until all is gone */
  doneAt: Date | null;
}

export interface Erasures {
  /** Notes what is going to be erased; the first note stays. Answers what stands. */
  begin(erasure: Omit<Erasure, 'doneAt'>): Promise<Erasure>;
  done(request: string, at: Date): Promise<void>;
  get(request: string): Promise<Erasure | null>;
  /** Which of these requests are erased. */
  among(requests: readonly string[]): Promise<Set<string>>;
}

export function createErasures(db: Db): Erasures {
  const erasures = db.collection<Erasure & { _id: string }>('erasures');
  const get: Erasures['get'] = async (request) => {
    const found = await erasures.findOne({ _id: request });
    if (found === null) return null;
    const { _id, ...erasure } = found;
    return erasure;
  };
  return {
    get,
    async begin(erasure) {
      const begun = { ...erasure, doneAt: null };
      await insertNew(erasures, { _id: erasure.request, ...begun });
      return (await get(erasure.request)) ?? begun;
    },
    async done(request, at) {
      await erasures.updateOne({ _id: request, doneAt: null }, { $set: { doneAt: at } });
    },
    async among(requests) {
      if (requests.length === 0) return new Set();
      const found = await erasures.find({ _id: { $in: [...requests] } }).toArray();
      return new Set(found.flatMap(({ request, doneAt }) => (doneAt === null ? [] : [request])));
    },
  };
}
