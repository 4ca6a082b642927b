import { randomBytes } from 'node:crypto';
import { chooseTabs, type Tab } from '../domain/tab.ts';
import type { HelpDeskApi } from '../sources/help-desk-api.ts';
import { SourceError } from '../sources/source-error.ts';
import { padded } from '../store/database.ts';
import type { DrawnPage, DrawnTab, DrawnTabKey, DrawnTabs } from '../store/drawn-tabs.ts';
import type { Drafts } from '../store/drafts.ts';
import type { Storage } from '../store/storage.ts';
import { type OpenSource, patiently, withSource } from './ask-source.ts';
import { beat } from './beat.ts';
import { ImportError } from './errors.ts';
import type { ImportActivities } from './import-activities.ts';
import { continuedBy } from './plan-view.ts';

export interface DrawSourceDeps {
  stores: { drafts: Pick<Drafts, 'latest'>; drawnTabs: DrawnTabs };
  storage: Storage;
  openSource: OpenSource;
}

/**
 * Makes the activity that reads a help desk's API for a phase, tab by tab and page by page, into files of ours that are staged like
 * uploaded ones. Pages that are kept are not asked for again: an attempt goes on behind the last (D3). Phase 2 asks for what changed
 * since phase 1 began to read (E3).
 * @throws ApplicationFailure SOURCE_..., see SourceError; ImportError REQUEST_INCOMPLETE
 */
export function makeDrawSource(deps: DrawSourceDeps): ImportActivities['drawSource'] {
  return async ({ request, phase }) => {
    const { drawnTabs, drafts } = deps.stores;
    const typed = (await drafts.latest(request))?.draft;
    if (typed?.tabs === null || typed === undefined) {
      throw new ImportError('REQUEST_INCOMPLETE', `request ${request} lacks what a phase needs: tabs`);
    }
    const earlier = continuedBy(phase);
    const since = earlier === null ? null : await drawnTabs.begunAt(request, earlier);
    const tabs = chooseTabs(typed.tabs, typed.omit);
    const sum = { records: 0, bytes: 0 };
    await withSource(deps.openSource, request, async (source) => {
      for (const tab of tabs) {
        const key = { request, phase, tab };
        const drawn = (await drawnTabs.find(key)) ?? (await drawTab(deps, source, key, since));
        sum.records += drawn.records;
        sum.bytes += drawn.bytes;
      }
    });
    return sum;
  };
}

/** A source that goes on changing while it is read may give another number; so often a tab is read. */
const ROUNDS = 3;

async function drawTab(
  deps: DrawSourceDeps,
  source: HelpDeskApi,
  key: DrawnTabKey,
  since: string | null,
): Promise<DrawnTab> {
  const { drawnTabs } = deps.stores;
  const counts = async (): Promise<number> => {
    const { time, tabs } = await patiently(() => source.inventory(since));
    await drawnTabs.begin(key.request, key.phase, time);
    return tabs.find(({ tab }) => tab === key.tab)?.records ?? 0;
  };
  for (let tries = 1; ; tries++) {
    const before = await counts();
    const round = await drawnTabs.round(key);
    const pages = before === 0 ? [] : await drawPages(deps, source, { key, round, since, expected: before });
    const after = before === 0 ? 0 : await counts();
    const records = pages.reduce((sum, page) => sum + page.records, 0);
    // D1: counted by the source before and after, since it may change while it is read
    if (records >= Math.min(before, after) && records <= Math.max(before, after)) {
      return join(deps, key, round, pages, records);
    }
    await drawnTabs.discard(key, round);
    if (tries < ROUNDS) continue;
    throw new SourceError(
      'SOURCE_COUNT_DIFFERS',
      `The source says that it has ${after} ${key.tab} and gives ${records}, ${ROUNDS} times over.`,
    );
  }
}

interface Reading {
  key: DrawnTabKey;
  round: number;
  since: string | null;
  /** how many records the source says it has */
  expected: number;
}

const folderOf = ({ request, phase, tab }: DrawnTabKey, round: number): string =>
  `drawn/${request}/${phase}/${tab}/${round}`;

async function drawPages(
  { stores, storage }: DrawSourceDeps,
  source: HelpDeskApi,
  { key, round, since, expected }: Reading,
): Promise<DrawnPage[]> {
  const most = expected * 2 + 1_000;
  let records = 0;
  let pages = await stores.drawnTabs.pages(key, round);
  for (const page of pages) records += page.records;
  for (let last = pages.at(-1); last?.next !== null; last = pages.at(-1)) {
    beat();
    const after = last?.next ?? null;
    const { body, next, records: count } = await patiently(() => source.page(key.tab, { after, since }));
    records += count;
    if (records > most || pages.length > most) {
      throw new SourceError(
        'SOURCE_ANSWER_BAD',
        `The source says that it has ${expected} ${key.tab}, and its pages do not end.`,
      );
    }
    const number = pages.length + 1;
    // a name of its own: a late twin that is given other records must not write over these
    const storageKey = `${folderOf(key, round)}/pages/${padded(number)}-${randomBytes(4).toString('hex')}`;
    await storage.put(storageKey, body);
    const page: DrawnPage = { storageKey, records: count, bytes: body.length, next };
    if (await stores.drawnTabs.addPage(key, round, number, page)) pages.push(page);
    else {
      await storage.remove(storageKey);
      pages = await stores.drawnTabs.pages(key, round);
      records = pages.reduce((sum, each) => sum + each.records, 0);
    }
  }
  return pages;
}

/** Makes one file of a tab's pages: a JSON array. */
async function join(
  { stores, storage }: DrawSourceDeps,
  key: DrawnTabKey,
  round: number,
  pages: readonly DrawnPage[],
  records: number,
): Promise<DrawnTab> {
  const folder = folderOf(key, round);
  const storageKey = `${folder}/records.json`;
  const { bytes } = await storage.put(storageKey, joined(storage, pages));
  const drawn = await stores.drawnTabs.done(key, { storageKey, bytes, records });
  await storage.removeAll(`${folder}/pages/`);
  return drawn;
}

async function* joined(storage: Storage, pages: readonly DrawnPage[]): AsyncGenerator<Uint8Array> {
  let begin = '[';
  for (const { storageKey, records } of pages) {
    if (records === 0) continue;
    beat();
    yield Buffer.from(begin);
    yield await storage.get(storageKey);
    begin = ',\n';
  }
  yield Buffer.from(begin === '[' ? '[]' : ']');
}

/** The name of a tab's records in reports and mappings. */
export function drawnName(title: string): string {
  return `${title}.json`;
}

/** The key of the upload that a tab's records are for a phase's plan. */
export function drawnUpload({ phase, tab }: { phase: string; tab: Tab }): string {
  return `${phase}.${tab}`;
}
