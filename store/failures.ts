import type { Db } from 'mongodb';
import type { FailureCode } from '../domain/codes.ts';
import type { Tab } from '../domain/tab.ts';
import { idPart } from './id-part.ts';

interface FailureDocument {
  _id: string;
  code: FailureCode;
}

/** Records of a request that failed and are not imported since: what tells PARENT_FAILED from MISSING_REFERENCE (C5). */
export interface Failures {
  put(request: string, tab: Tab, failed: readonly { externalId: string; code: FailureCode }[]): Promise<void>;
  remove(request: string, tab: Tab, externalIds: readonly string[]): Promise<void>;
  /** Which of these ids have failed. */
  among(request: string, tab: Tab, externalIds: readonly string[]): Promise<Set<string>>;
}

export function createFailures(db: Db): Failures {
  const failures = db.collection<FailureDocument>('failures');
  const idOf = (request: string, tab: Tab, externalId: string): string =>
    `${request}/${tab}/${idPart(externalId)}`;
  return {
    async put(request, tab, failed) {
      if (failed.length === 0) return;
      await failures.bulkWrite(
        failed.map(({ externalId, code }) => ({
          updateOne: {
            filter: { _id: idOf(request, tab, externalId) },
            update: { $set: { code } },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    },
    async remove(request, tab, externalIds) {
      if (externalIds.length === 0) return;
      await failures.deleteMany({ _id: { $in: externalIds.map((each) => idOf(request, tab, each)) } });
    },
    async among(request, tab, externalIds) {
      if (externalIds.length === 0) return new Set();
      const ids = new Map(externalIds.map((each) => [idOf(request, tab, each), each]));
      const found = await failures
        .find({ _id: { $in: [...ids.keys()] } }, { projection: { _id: 1 } })
        .toArray();
      return new Set(found.map(({ _id }) => ids.get(_id) ?? ''));
    },
  };
}
