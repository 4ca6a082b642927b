import { mailKey } from '../domain/complete-record.ts';
import type { ReadRecord } from '../domain/read-record.ts';
import type { Tab } from '../domain/tab.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { StoredPlan } from '../store/plans.ts';
import type { Segment, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import type { OpenSource } from './ask-source.ts';
import { beat } from './beat.ts';
import type { ChosenTab, SampleActivities } from './control-activities.ts';
import { fetchFiles, filePathOf } from './fetch-files.ts';
import { readerOf } from './part-view.ts';
import { partAt, planOf } from './plan-view.ts';
import { type SegmentLine, segmentKey, SegmentLines } from './segment-file.ts';
import { lineText } from './segment-writer.ts';
import { foldPath, unpackBundles } from './unpack-bundles.ts';

export interface ChooseSampleDeps {
  stores: ImportStores;
  storage: Storage;
  openSource: OpenSource;
}

/** What those who are chosen already refer to. */
interface Wanted {
  ids: Map<Tab, Set<string>>;
  /** mail addresses of owners and authors */
  people: Set<string>;
}

/** Places of the chosen lines, by segment. */
type Chosen = Map<number, Set<number>>;

/**
 * Makes the activity that chooses a sample of what is staged (B6): the first records of each tab, and all records that those refer to
 * as parents, owners or authors. It goes backwards through the tabs, since a record refers to tabs before its own, and writes each
 * segment anew with the others marked; the segments as they were staged stay, so that again chooses the same.
 */
export function makeChooseSample(deps: ChooseSampleDeps): SampleActivities['chooseSample'] {
  return async ({ request, records }) => {
    const plan = await planOf(deps.stores, { request, phase: 'sample' });
    const wanted: Wanted = { ids: new Map(), people: new Set() };
    const tabs: ChosenTab[] = [];
    for (const tab of plan.tabs.toReversed()) {
      const chosen = await chooseTab(deps, plan, tab, { records, wanted });
      await writeChosen(deps, { request, phase: 'sample', tab }, chosen.places);
      if (tab === 'attachments') {
        await unpackBundles(deps, plan, chosen.files);
        await fetchFiles(deps, plan, chosen.files);
      }
      tabs.unshift({ tab, chosen: chosen.count });
    }
    return { tabs };
  };
}

interface ChosenLines {
  places: Chosen;
  count: number;
  /** folded paths of bundled files that chosen attachments name */
  files: Set<string>;
}

async function chooseTab(
  deps: ChooseSampleDeps,
  plan: StoredPlan,
  tab: Tab,
  { records, wanted }: { records: number; wanted: Wanted },
): Promise<ChosenLines> {
  const readers = new Map<number, (cells: readonly string[]) => ReadRecord>();
  const read = (line: SegmentLine): ReadRecord | null => {
    if (line.cells === undefined || line.code !== undefined) return null;
    let reader = readers.get(line.file);
    if (reader === undefined) readers.set(line.file, (reader = readerOf(partAt(plan, line.file))));
    return reader(line.cells);
  };
  const chosen: ChosenLines = { places: new Map(), count: 0, files: new Set() };
  const key: TabKey = { request: plan.request, phase: 'sample', tab };
  // what is chosen may refer to others of its own tab: then once more
  for (let refers = true; refers; ) {
    refers = false;
    let ordinal = 0;
    for await (const { segment, lines } of staged(deps, key)) {
      let places = chosen.places.get(segment.number);
      for (let place = 0; place < lines.length; place++, ordinal++) {
        const line = lines.at(place);
        if (line === undefined || places?.has(place) === true) continue;
        const isWanted = ordinal < records || isReferredTo(tab, line, wanted, read);
        if (!isWanted) continue;
        if (places === undefined) chosen.places.set(segment.number, (places = new Set()));
        places.add(place);
        chosen.count++;
        const record = read(line);
        if (record === null) continue;
        const path = tab === 'attachments' ? filePathOf(plan, line.file, record) : null;
        if (path !== null) chosen.files.add(foldPath(path));
        if (want(record, tab, wanted)) refers = true;
      }
    }
  }
  return chosen;
}

/** The segments of a tab as they were staged. */
async function* staged(
  { stores, storage }: ChooseSampleDeps,
  key: TabKey,
): AsyncGenerator<{ segment: Segment; lines: SegmentLines }> {
  for await (const segment of stores.segments.all(key)) {
    beat();
    const lines = new SegmentLines(await storage.get(segmentKey(key, segment.number, 'ndjson')));
    yield { segment, lines };
  }
}

function isReferredTo(
  tab: Tab,
  line: SegmentLine,
  { ids, people }: Wanted,
  read: (line: SegmentLine) => ReadRecord | null,
): boolean {
  // of rows with one id the first counts
  if (line.code !== undefined) return false;
  if (line.id !== '' && ids.get(tab)?.has(line.id) === true) return true;
  if ((tab !== 'agents' && tab !== 'contacts') || people.size === 0) return false;
  const mail = read(line)?.fields['email'];
  return typeof mail === 'string' && people.has(mailKey(mail));
}

/** Notes what a chosen record refers to. @returns whether it refers to its own tab */
function want({ references, people }: ReadRecord, tab: Tab, wanted: Wanted): boolean {
  let own = false;
  for (const { tab: parent, externalId } of references) {
    let ids = wanted.ids.get(parent);
    if (ids === undefined) wanted.ids.set(parent, (ids = new Set()));
    if (parent === tab && !ids.has(externalId)) own = true;
    ids.add(externalId);
  }
  for (const { mail } of people) wanted.people.add(mail);
  return own;
}

const NOT_CHOSEN = { code: 'NOT_IN_SAMPLE', message: 'the sample run does not take it' } as const;

async function writeChosen(deps: ChooseSampleDeps, key: TabKey, chosen: Chosen): Promise<void> {
  const { stores, storage } = deps;
  for await (const { segment, lines } of staged(deps, key)) {
    const places = chosen.get(segment.number);
    let text = '';
    for (let place = 0; place < lines.length; place++) {
      const line = lines.at(place);
      if (line === undefined) continue;
      const { row, file, id } = line;
      text += `${lineText(places?.has(place) === true ? line : { row, file, id, ...NOT_CHOSEN })}\n`;
    }
    const storageKey = segmentKey(key, segment.number, 'chosen');
    const { bytes, sha256 } = await storage.put(storageKey, Buffer.from(text));
    await stores.segments.choose(key, segment.number, { storageKey, bytes, sha256 });
  }
}
