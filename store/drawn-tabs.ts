import type { Db } from 'mongodb';
import type { Phase } from '../domain/phase.ts';
import type { Tab } from '../domain/tab.ts';
import { idsUnder, insertNew, padded } from './database.ts';

export interface DrawnTabKey {
  request: string;
  phase: Phase;
  tab: Tab;
}

/** One page of a tab as the source gave it. */
export interface DrawnPage {
  storageKey: string;
  records: number;
  bytes: number;
  /** where the next one begins; null after the last */
  next: string | null;
}

/** A tab that was read to its end: from here on a file like any other. */
export interface DrawnTab {
  storageKey: string;
  bytes: number;
  records: number;
}

/** What is read from a help desk's API, page by page, before it is staged (docs/decisions). */
export interface DrawnTabs {
  /** E3: keeps the source's time at which a phase began to read it; one that is there already stays. Answers the one that stands. */
  begin(request: string, phase: Phase, time: string): Promise<string>;
  /** The source's time at which a phase began to read it, or null. */
  begunAt(request: string, phase: Phase): Promise<string | null>;
  /** Which reading of a tab counts, from 0. */
  round(key: DrawnTabKey): Promise<number>;
  /** Begins a tab anew: the pages of this round count no longer. */
  discard(key: DrawnTabKey, round: number): Promise<void>;
  pages(key: DrawnTabKey, round: number): Promise<DrawnPage[]>;
  /** Keeps a page, numbered from 1. False when there is one of this number: that one counts (D3). */
  addPage(key: DrawnTabKey, round: number, number: number, page: DrawnPage): Promise<boolean>;
  /** Says that a tab is read to its end; one that is there already stays. Answers the one that stands. */
  done(key: DrawnTabKey, tab: DrawnTab): Promise<DrawnTab>;
  find(key: DrawnTabKey): Promise<DrawnTab | null>;
}

export function createDrawnTabs(db: Db): DrawnTabs {
  const drawings = db.collection<{ _id: string; time: string }>('drawings');
  const tabs = db.collection<DrawnTab & { _id: string }>('drawnTabs');
  const rounds = db.collection<{ _id: string; round: number }>('drawnRounds');
  const pages = db.collection<DrawnPage & { _id: string }>('drawnPages');
  const idOf = ({ request, phase, tab }: DrawnTabKey): string => `${request}/${phase}/${tab}`;
  const roundOf = (key: DrawnTabKey, round: number): string => `${idOf(key)}/${padded(round)}/`;

  const begunAt: DrawnTabs['begunAt'] = async (request, phase) =>
    (await drawings.findOne({ _id: `${request}/${phase}` }))?.time ?? null;
  const find: DrawnTabs['find'] = async (key) => {
    const found = await tabs.findOne({ _id: idOf(key) });
    if (found === null) return null;
    const { _id, ...tab } = found;
    return tab;
  };
  return {
    begunAt,
    find,
    async begin(request, phase, time) {
      await insertNew(drawings, { _id: `${request}/${phase}`, time });
      return (await begunAt(request, phase)) ?? time;
    },
    async round(key) {
      return (await rounds.findOne({ _id: idOf(key) }))?.round ?? 0;
    },
    async discard(key, round) {
      // a late twin discards the same round: nothing more
      if (await insertNew(rounds, { _id: idOf(key), round: round + 1 })) return;
      await rounds.updateOne({ _id: idOf(key), round }, { $set: { round: round + 1 } });
    },
    async pages(key, round) {
      const found = await pages.find({ _id: idsUnder(roundOf(key, round)) }, { sort: { _id: 1 } }).toArray();
      return found.map(({ _id, ...page }) => page);
    },
    addPage(key, round, number, page) {
      return insertNew(pages, { _id: `${roundOf(key, round)}${padded(number)}`, ...page });
    },
    async done(key, tab) {
      await insertNew(tabs, { _id: idOf(key), ...tab });
      return (await find(key)) ?? tab;
    },
  };
}
