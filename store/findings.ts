import type { Db } from 'mongodb';
import type { Finding } from '../domain/request.ts';
import { insertNew } from './database.ts';

/** B1: what the automatic checks found in a revision. */
export interface CheckedFindings {
  revision: number;
  findings: Finding[];
  at: Date;
}

export interface StoredFindings {
  /** Keeps what was found; older findings never replace newer ones. */
  put(request: string, revision: number, findings: readonly Finding[], at: Date): Promise<void>;
  latest(request: string): Promise<CheckedFindings | null>;
}

export function createFindings(db: Db): StoredFindings {
  const collection = db.collection<CheckedFindings & { _id: string }>('findings');
  return {
    async put(request, revision, findings, at) {
      const checked = { revision, findings: [...findings], at };
      if (await insertNew(collection, { _id: request, ...checked })) return;
      await collection.replaceOne({ _id: request, at: { $lte: at } }, checked);
    },
    async latest(request) {
      const found = await collection.findOne({ _id: request });
      if (found === null) return null;
      const { _id, ...checked } = found;
      return checked;
    },
  };
}
