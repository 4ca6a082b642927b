import type { Db } from 'mongodb';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { idsUnder } from './database.ts';
import { idPart } from './id-part.ts';
import type { TabKey } from './segments.ts';

/** How source and desk differ (D1, D2): `content` is an attachment's file, `counts` the sums of a tab. */
export const DISCREPANCY_KINDS = ['missing', 'different', 'content', 'extra', 'counts'] as const;
export type DiscrepancyKind = (typeof DISCREPANCY_KINDS)[number];

export interface Discrepancy {
  tab: Tab;
  kind: DiscrepancyKind;
  /** of the record; '' for the counts of a tab */
  externalId: string;
  /** what the ledger says: a digest or a number; null for an extra record */
  expected: string | null;
  /** what was found; null for a missing record */
  found: string | null;
}

type DiscrepancyDocument = Discrepancy & { _id: string };

export interface Discrepancies {
  /**
   * Replaces what one pass named before: the same pass again names what it finds now.
   * @param pass the segment's number, or the name of a pass over the tab
   */
  replace(key: TabKey, pass: string, found: readonly Discrepancy[]): Promise<void>;
  list(request: string, phase: Phase, limit: number): Promise<Discrepancy[]>;
}

const BATCH = 1_000;

export function createDiscrepancies(db: Db): Discrepancies {
  const discrepancies = db.collection<DiscrepancyDocument>('discrepancies');
  return {
    async replace(key, pass, found) {
      const prefix = `${key.request}/${key.phase}/${key.tab}/${idPart(pass)}`;
      await discrepancies.deleteMany({ _id: idsUnder(`${prefix}/`) });
      for (let from = 0; from < found.length; from += BATCH) {
        const documents = found.slice(from, from + BATCH).map((each) => ({
          _id: `${prefix}/${each.kind}/${idPart(each.externalId)}`,
          ...each,
        }));
        await discrepancies.bulkWrite(
          documents.map(({ _id, ...rest }) => ({
            updateOne: { filter: { _id }, update: { $set: rest }, upsert: true },
          })),
          { ordered: false },
        );
      }
    },
    async list(request, phase, limit) {
      const found = await discrepancies
        .find({ _id: idsUnder(`${request}/${phase}/`) }, { sort: { _id: 1 }, limit })
        .toArray();
      return found.map(({ _id, ...each }) => each);
    },
  };
}
