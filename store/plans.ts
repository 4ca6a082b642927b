import type { Db } from 'mongodb';
import type { ColumnPlan } from '../domain/columns.ts';
import type { Phase } from '../domain/phase.ts';
import type { Locale } from '../domain/request.ts';
import type { Tab } from '../domain/tab.ts';

/** How a file of text is written (docs/formats.md). */
type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'shift_jis' | 'euc-jp' | 'windows-1252';

/** One table of an upload, and the tab it feeds. */
export interface PlannedPart {
  /** its place in the plan: what segments and outcomes call `part` */
  index: number;
  /** its name in reports: the file's, or the path inside the ZIP */
  name: string;
  /** key of the upload it lies in */
  upload: string;
  entry: string | null;
  tab: Tab;
  kind: 'csv' | 'json' | 'xml';
  encoding: Encoding;
  /** of a CSV; null otherwise */
  delimiter: ',' | ';' | '\t' | null;
  /** verbatim, in the file's order */
  header: string[];
  /** one per header (A10); with a mapping only what was handed back is told apart */
  columns: ColumnPlan[];
  /**
   * A10: the mapping's entry that reads it, as JSON (its names may hold what a document's field names may not), and the place of
   * the tab in it; null = the prepared format
   */
  mapping: { file: string; tab: number } | null;
  /** counted apart (D1), unreadable rows included; of a part that gives one record per external id, those */
  records: number;
  /** unpacked */
  bytes: number;
  /** which upload came when: rows of a later one win (E3) */
  arrival: number;
  /** E3: a part of an earlier phase; only its failed records are taken once more */
  carried: { phase: Phase; index: number } | null;
}

export interface PlannedUpload {
  key: string;
  name: string;
  bytes: number;
  storageKey: string;
  zip: boolean;
  /** read from the source's API; so are the files that its attachments have */
  drawn?: true;
}

/** What a phase reads, fixed once: a second attempt reads it (D3). */
export interface StoredPlan {
  request: string;
  phase: Phase;
  portal: string;
  scope: string;
  tabs: Tab[];
  parts: PlannedPart[];
  uploads: PlannedUpload[];
  /** files of replies that feed no chosen tab, by name, and why */
  ignored: { name: string; reason: string }[];
  /** E3: the phase whose failed records are taken once more */
  continues: Phase | null;
  locale: Locale;
  timeZone: string;
}

type PlanDocument = StoredPlan & { _id: string };

export interface Plans {
  /** Keeps a plan; one that is there already stays. Answers the one that stands. */
  keep(plan: StoredPlan): Promise<StoredPlan>;
  find(request: string, phase: Phase): Promise<StoredPlan | null>;
}

export function createPlans(db: Db): Plans {
  const plans = db.collection<PlanDocument>('plans');
  const find: Plans['find'] = async (request, phase) => {
    const found = await plans.findOne({ _id: `${request}/${phase}` });
    if (found === null) return null;
    const { _id, ...plan } = found;
    return plan;
  };
  return {
    find,
    async keep(plan) {
      await plans.updateOne(
        { _id: `${plan.request}/${plan.phase}` },
        { $setOnInsert: plan },
        { upsert: true },
      );
      return (await find(plan.request, plan.phase)) ?? plan;
    },
  };
}
