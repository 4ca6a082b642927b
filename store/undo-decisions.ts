import type { Db } from 'mongodb';
import { type KeptCode, noUndoCounts, type UndoCounts, type UndoStep } from '../domain/undo.ts';
import { idsUnder, padded } from './database.ts';

/** What an undo decides of one record that its request created (F1). */
export interface UndoDecision {
  deskId: string;
  externalId: string;
  /** null = it is removed */
  kept: KeptCode | null;
  /** desk id of a record that refers to it, where that is why */
  by: string | null;
}

/** Consecutive decisions, in the order of desk ids. */
export interface UndoPage {
  number: number;
  decisions: UndoDecision[];
  /** whether what is to be removed is removed */
  done: boolean;
}

/** How much an undo removes that only the undone records needed. */
export interface UnusedCounts {
  links: number;
  files: number;
}

export interface UndoDecisions {
  /** Adds a page; one that is there already stays. */
  add(request: string, step: UndoStep, number: number, decisions: readonly UndoDecision[]): Promise<void>;
  last(request: string, step: UndoStep): Promise<UndoPage | null>;
  /** All pages in order. */
  pages(request: string, step: UndoStep): AsyncIterable<UndoPage>;
  /** Keeps what became of a page's records in the end: one that was changed at the last moment was not removed. */
  finish(request: string, step: UndoStep, number: number, decisions: readonly UndoDecision[]): Promise<void>;
  /** Says that a step is decided to its end. */
  decided(request: string, step: UndoStep): Promise<void>;
  isDecided(request: string, step: UndoStep): Promise<boolean>;
  /** Keeps what there is to remove besides records; once kept it stays. Answers what stands. */
  keepUnused(request: string, counts: UnusedCounts): Promise<UnusedCounts>;
  findUnused(request: string): Promise<UnusedCounts | null>;
  /** Adds the pages of a step up. */
  count(request: string, step: UndoStep): Promise<UndoCounts>;
}

type PageDocument = UndoPage & { _id: string };

export function createUndoDecisions(db: Db): UndoDecisions {
  const pages = db.collection<PageDocument>('undoDecisions');
  const steps = db.collection<{ _id: string; decided: boolean }>('undoSteps');
  const unused = db.collection<UnusedCounts & { _id: string }>('undoUnused');
  const findUnused: UndoDecisions['findUnused'] = async (request) => {
    const found = await unused.findOne({ _id: request });
    return found === null ? null : { links: found.links, files: found.files };
  };
  const prefixOf = (request: string, step: UndoStep): string => `${request}/${step}/`;
  const toPage = ({ _id, ...page }: PageDocument): UndoPage => page;

  async function* all(request: string, step: UndoStep): AsyncGenerator<UndoPage> {
    const { $gt, $lt } = idsUnder(prefixOf(request, step));
    for (let last = $gt; ; ) {
      const [found] = await pages.find({ _id: { $gt: last, $lt } }, { sort: { _id: 1 }, limit: 1 }).toArray();
      if (found === undefined) return;
      yield toPage(found);
      last = found._id;
    }
  }

  return {
    pages: all,
    findUnused,
    async keepUnused(request, counts) {
      await unused.updateOne({ _id: request }, { $setOnInsert: counts }, { upsert: true });
      return (await findUnused(request)) ?? counts;
    },
    async add(request, step, number, decisions) {
      await pages.updateOne(
        { _id: `${prefixOf(request, step)}${padded(number)}` },
        { $setOnInsert: { number, decisions: [...decisions], done: false } },
        { upsert: true },
      );
    },
    async last(request, step) {
      const [found] = await pages
        .find({ _id: idsUnder(prefixOf(request, step)) }, { sort: { _id: -1 }, limit: 1 })
        .toArray();
      return found === undefined ? null : toPage(found);
    },
    async finish(request, step, number, decisions) {
      await pages.updateOne(
        { _id: `${prefixOf(request, step)}${padded(number)}`, done: false },
        { $set: { decisions: [...decisions], done: true } },
      );
    },
    async decided(request, step) {
      await steps.updateOne({ _id: `${request}/${step}` }, { $set: { decided: true } }, { upsert: true });
    },
    isDecided: async (request, step) => (await steps.findOne({ _id: `${request}/${step}` })) !== null,
    async count(request, step) {
      const counts = noUndoCounts();
      for await (const { decisions } of all(request, step)) {
        counts.created += decisions.length;
        for (const { kept } of decisions) {
          if (kept === null) counts.removed++;
          else if (kept === 'CHANGED_SINCE') counts.changedSince++;
          else counts.referredTo++;
        }
      }
      return counts;
    },
  };
}
