import { fedTabs } from '../domain/fed-tabs.ts';
import { type Mapping, fileMappingFor, readMapping } from '../domain/field-mapping.ts';
import { numberOfFile } from '../domain/plan-tab.ts';
import { chooseTabs, TAB_TITLES, type Tab } from '../domain/tab.ts';
import { confirmedEncodings } from '../sources/confirmed-encodings.ts';
import { type FileInspection, inspectFile } from '../sources/inspect-file.ts';
import { DEFAULT_ZIP_CAPS } from '../sources/open-zip.ts';
import type { FileAccess } from '../sources/rows.ts';
import type { Drafts } from '../store/drafts.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { PlannedPart, PlannedUpload, StoredPlan } from '../store/plans.ts';
import type { Replies } from '../store/replies.ts';
import type { Storage } from '../store/storage.ts';
import type { Upload, Uploads } from '../store/uploads.ts';
import { beat } from './beat.ts';
import { countDistinct } from './count-distinct.ts';
import { drawnName, drawnUpload } from './draw-source.ts';
import { ImportError } from './errors.ts';
import type { ImportActivities, PhasePlan, PhaseRun, PhaseToPlan } from './import-activities.ts';
import { mappedPart } from './part-view.ts';
import { accessTo, continuedBy, planOf, uploadOf } from './plan-view.ts';

export interface PlanPhaseDeps {
  stores: ImportStores & { drafts: Drafts; replies: Replies; uploads: Uploads };
  storage: Storage;
}

/**
 * Makes the activity that fixes what a phase reads: which part of which file feeds which tab (A10), its columns, encoding and
 * its records, counted apart (D1). In phase 2: the files that came with replies, and the records that failed in phase 1 (E3).
 * A plan that stands is answered as it is.
 * @throws ImportError REQUEST_INCOMPLETE, MAPPING_FAULTY, PLAN_TOO_LARGE, PLAN_MISSING when the phase before was not planned
 */
export function makePlanPhase(deps: PlanPhaseDeps): ImportActivities['planPhase'] {
  return async (run) => {
    const plan =
      (await deps.stores.plans.find(run.request, run.phase)) ??
      (await deps.stores.plans.keep(storable(await makePlan(deps, run))));
    return summarise(deps, plan);
  };
}

/** As JSON; in the database it takes up to a third more, of the 16 MB that a document may have. */
const MOST_PLAN_BYTES = 11_000_000;

/** @throws ImportError PLAN_TOO_LARGE */
function storable(plan: StoredPlan): StoredPlan {
  const bytes = Buffer.byteLength(JSON.stringify(plan));
  if (bytes <= MOST_PLAN_BYTES) return plan;
  const files = plan.uploads.length;
  throw new ImportError(
    'PLAN_TOO_LARGE',
    `the tables of ${files} files, their columns and what maps them take ${bytes} bytes; ${MOST_PLAN_BYTES} are possible: join files of the same tab`,
  );
}

async function summarise({ stores }: PlanPhaseDeps, plan: StoredPlan): Promise<PhasePlan> {
  const tabs: PhasePlan['tabs'] = [];
  for (const tab of plan.tabs) {
    let records = 0;
    let bytes = 0;
    for (const part of plan.parts) {
      if (part.tab !== tab || part.carried !== null) continue;
      records += part.records;
      bytes += part.bytes;
    }
    if (plan.continues !== null) {
      for await (const { finished } of stores.segments.all({
        request: plan.request,
        phase: plan.continues,
        tab,
      })) {
        records += finished?.counts.failed ?? 0;
      }
    }
    tabs.push({ tab, records, bytes });
  }
  return { tabs };
}

interface FoundPart extends Omit<PlannedPart, 'index' | 'name'> {
  file: string;
  /** A10: gives one record per external id */
  distinct: boolean;
}

type UploadToPlan = Pick<Upload, 'key' | 'name' | 'bytes' | 'storageKey' | 'order'>;

async function makePlan(deps: PlanPhaseDeps, { request, phase, replies }: PhaseToPlan): Promise<StoredPlan> {
  const { stores } = deps;
  const typed = (await stores.drafts.latest(request))?.draft;
  if (
    typed === undefined ||
    typed.tabs === null ||
    typed.source === null ||
    typed.desk === null ||
    typed.desk.portal === null ||
    typed.requester === null
  ) {
    throw new ImportError(
      'REQUEST_INCOMPLETE',
      `request ${request} lacks what a phase needs: source, tabs or portal`,
    );
  }
  const continues = continuedBy(phase);
  const earlier = continues === null ? null : await planOf(stores, { request, phase: continues });
  const tabs = chooseTabs(typed.tabs, typed.omit);
  const taken = (reply: string): boolean => replies === undefined || replies.includes(reply);
  const corrected = earlier === null ? null : await correctedMapping(stores.replies, request, taken);
  const mapping = corrected ?? soundMapping(typed.mapping);
  const all = await stores.uploads.list(request);
  const sent = all.filter(({ reply }) =>
    earlier === null ? reply === null : reply !== null && taken(reply),
  );
  const drawn = typed.source.kind === 'api' ? await drawnUploads(deps, { request, phase }, tabs) : [];
  const uploads = [...drawn, ...sent];
  const found: FoundPart[] = [];
  const planned: PlannedUpload[] = [];
  const ignored: StoredPlan['ignored'] = [];
  for (const upload of uploads) {
    const isDrawn = drawn.includes(upload);
    const encodings = isDrawn ? { [upload.name]: 'utf-8' } : typed.encodings;
    const inspection = await inspect(deps, upload, encodings);
    planned.push({ ...plannedUpload(upload, inspection), ...(isDrawn ? { drawn: true } : {}) });
    sortParts(upload, inspection, { tabs, mapping }, found, ignored);
  }
  found.sort(
    (a, b) =>
      tabs.indexOf(a.tab) - tabs.indexOf(b.tab) ||
      // a list of the tab's own counts before what other lists say of its records (A10)
      Number(a.distinct) - Number(b.distinct) ||
      // of replies the latest counts, so it is read first (E3); numbered files are read in their order
      (earlier === null ? 0 : b.arrival - a.arrival) ||
      numberOfFile(a.entry ?? a.file) - numberOfFile(b.entry ?? b.file) ||
      a.arrival - b.arrival,
  );
  const carried = (earlier?.parts ?? []).map((part): Omit<PlannedPart, 'index'> => {
    return {
      ...part,
      mapping: (corrected === null ? null : remapped(corrected, part, nameOf(earlier, part))) ?? part.mapping,
      carried: { phase: earlier?.phase ?? phase, index: part.index },
    };
  });
  return {
    request,
    phase,
    portal: typed.desk.portal,
    scope: typed.source.scope,
    tabs: earlier?.tabs ?? tabs,
    parts: [...named(await counted(deps, uploads, found)), ...carried].map((part, index) => ({
      ...part,
      index,
    })),
    uploads: [...(earlier?.uploads ?? []), ...planned],
    ignored,
    continues,
    locale: typed.requester.locale,
    timeZone: typed.requester.timeZone,
  };
}

/** What was read from the source's API, as files of its tabs; replies count before them (E3). */
async function drawnUploads(
  { stores }: PlanPhaseDeps,
  { request, phase }: PhaseRun,
  tabs: readonly Tab[],
): Promise<UploadToPlan[]> {
  const uploads: UploadToPlan[] = [];
  for (const tab of tabs) {
    const drawn = await stores.drawnTabs.find({ request, phase, tab });
    if (drawn === null) {
      throw new ImportError('SOURCE_NOT_READ', `the ${tab} of request ${request} are not read for ${phase}`);
    }
    const { storageKey, bytes, records } = drawn;
    if (records === 0) continue;
    const name = drawnName(TAB_TITLES[tab]);
    uploads.push({ key: drawnUpload({ phase, tab }), name, bytes, storageKey, order: 0 });
  }
  return uploads;
}

function plannedUpload(
  { key, name, bytes, storageKey }: UploadToPlan,
  { parts, attachments }: FileInspection,
): PlannedUpload {
  const zip = attachments.files > 0 || parts.some(({ entry }) => entry !== null);
  return { key, name, bytes, storageKey, zip };
}

function inspect(
  { storage }: PlanPhaseDeps,
  upload: UploadToPlan,
  confirmed: Readonly<Record<string, string>>,
): Promise<FileInspection> {
  const encoding = confirmedEncodings(upload.name, confirmed);
  // sizes were judged when the request was verified, against its own limits
  const caps = { ...DEFAULT_ZIP_CAPS, unpackedBytes: Number.MAX_SAFE_INTEGER };
  return inspectFile(accessTo(storage, upload), { encoding, caps, onBytes: () => beat() });
}

/** Shares the parts of an upload out to tabs; what feeds no chosen tab is named with the reason. */
function sortParts(
  upload: UploadToPlan,
  { parts }: FileInspection,
  { tabs, mapping }: { tabs: readonly Tab[]; mapping: Mapping | null },
  found: FoundPart[],
  ignored: StoredPlan['ignored'],
): void {
  const { key, name: file, order: arrival } = upload;
  for (const { entry, kind, tabGuess, header, delimiter, encoding, records, bytes } of parts) {
    const name = entry === null ? file : `${file}/${entry}`;
    const fed = fedTabs(mapping, { file, entry, tab: tabGuess, header });
    if (fed.length === 0) ignored.push({ name, reason: 'its name stands for no tab' });
    for (const each of fed) {
      const { tab, mapping: own } = each;
      if (!tabs.includes(tab)) ignored.push({ name, reason: `the tab ${tab} was not chosen` });
      else if (kind === 'unknown') ignored.push({ name, reason: 'it cannot be read as a table' });
      else {
        found.push({
          file,
          upload: key,
          entry,
          ...mappedPart(each, header),
          kind,
          encoding,
          delimiter,
          distinct: own?.file.tabs[own.tab]?.distinct === true,
          records,
          bytes,
          arrival,
          carried: null,
        });
      }
    }
  }
}

/** @throws ImportError MAPPING_FAULTY */
function soundMapping(document: unknown): Mapping | null {
  if (document === null) return null;
  const read = readMapping(document);
  if ('mapping' in read) return read.mapping;
  const [first] = read.faults;
  throw new ImportError(
    'MAPPING_FAULTY',
    `the field mapping cannot be used: ${first?.pointer} ${first?.detail}`,
  );
}

/** E1: the mapping that came with the latest reply that had one. */
async function correctedMapping(
  replies: Replies,
  request: string,
  taken: (reply: string) => boolean,
): Promise<Mapping | null> {
  const latest = (await replies.list(request)).findLast(({ key, mapping }) => mapping !== null && taken(key));
  return latest === undefined ? null : soundMapping(latest.mapping);
}

/** How a corrected mapping reads a part of the phase before, or null when it says nothing of it. */
function remapped(mapping: Mapping, part: PlannedPart, file: string): PlannedPart['mapping'] {
  const found = fileMappingFor(mapping, { file, entry: part.entry });
  if (found === null) return null;
  const before = part.mapping?.tab ?? -1;
  const tab =
    found.tabs[before]?.tab === part.tab ? before : found.tabs.findIndex((each) => each.tab === part.tab);
  return tab < 0 ? null : { file: JSON.stringify(found), tab };
}

function nameOf(plan: StoredPlan | null, part: PlannedPart): string {
  return plan === null ? part.name : uploadOf(plan, part.upload).name;
}

/** D1: parts that give one record per external id are counted apart as such. */
async function counted(
  { storage }: PlanPhaseDeps,
  uploads: readonly UploadToPlan[],
  found: readonly FoundPart[],
): Promise<FoundPart[]> {
  const accesses = new Map(uploads.map((upload) => [upload.key, accessTo(storage, upload)]));
  const parts: FoundPart[] = [];
  for (const ofTab of Map.groupBy(found, ({ tab }) => tab).values()) {
    const counts = await countDistinct(ofTab, ({ upload }) => accesses.get(upload) as FileAccess);
    parts.push(...ofTab.map((part, place) => ({ ...part, records: counts[place] ?? part.records })));
  }
  return parts;
}

/** Names of parts in reports: the file's name or the path in the ZIP, unless that names two. */
function named(found: readonly FoundPart[]): Omit<PlannedPart, 'index'>[] {
  const short = ({ file, entry }: FoundPart): string => entry ?? file;
  // a table that feeds several tabs has one name in all of them
  const placeOf = ({ upload, entry }: FoundPart): string => `${upload}/${entry ?? ''}`;
  const tables = new Map(found.map((part) => [placeOf(part), part]));
  const count = new Map<string, number>();
  for (const part of tables.values()) count.set(short(part), (count.get(short(part)) ?? 0) + 1);
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const [place, part] of tables) {
    const wanted =
      (count.get(short(part)) ?? 0) > 1 && part.entry !== null ? `${part.file}/${part.entry}` : short(part);
    let name = wanted;
    for (let copy = 2; taken.has(name); copy++) name = `${wanted} (${copy})`;
    taken.add(name);
    names.set(place, name);
  }
  return found.map((part) => {
    const { file, distinct, ...rest } = part;
    return { ...rest, name: names.get(placeOf(part)) ?? file };
  });
}
