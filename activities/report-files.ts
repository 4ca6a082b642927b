import { HANDED_BACK_HEADERS } from '../domain/columns.ts';
import { sourceFileLabel } from '../domain/plan-tab.ts';
import { neutralise } from '../domain/report-cell.ts';
import type { Discrepancy } from '../store/discrepancies.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { PlannedPart, StoredPlan } from '../store/plans.ts';
import type { FinishedSegment, Segment, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import { beat } from './beat.ts';
import { csvCell, csvText } from './csv-text.ts';
import { partAt } from './plan-view.ts';
import { readAhead } from './read-ahead.ts';
import { readFailed } from './read-failed.ts';
import { segmentKey, type SegmentPlace, type SupersededRow } from './segment-file.ts';

export interface ReportDeps {
  stores: ImportStores;
  storage: Storage;
}

/** Columns of a report's `<Tab>.csv` (C7). */
export const REPORT_COLUMNS = [
  'file',
  'row',
  'external_id',
  'desk_id',
  'result',
  'code',
  'column',
  'message',
  'warnings',
  'digest',
] as const;

/** `<Tab>.csv`: a row per record, in the ledger's order (C7). */
export async function* tabFile(
  { stores }: ReportDeps,
  plan: StoredPlan,
  key: TabKey,
): AsyncGenerator<Buffer> {
  yield csvText([REPORT_COLUMNS]);
  const read = async ({ number, finished }: Segment) =>
    finished === null ? [] : stores.segments.outcomes(key, number);
  for await (const outcomes of readAhead(stores.segments.all(key), read)) {
    beat();
    let lines = '';
    for (const each of outcomes) {
      // numbers, codes and digests are as they are: nothing in them needs quoting
      const { row, result, code, warnings, digest } = each;
      const [file, id, deskId] = [partAt(plan, each.part).name, each.externalId, each.deskId ?? ''].map(
        reportCell,
      );
      lines += `${file},${row},${id},${deskId},${result},${code ?? ''},${reportCell(each.column ?? '')},`;
      lines += `${reportCell(each.message ?? '')},${warnings.join(';')},${digest ?? ''}\n`;
    }
    yield Buffer.from(lines);
  }
}

/** C7: a cell of a report's own tables, with formula characters neutralised. */
function reportCell(cell: string): string {
  return cell === '' ? '' : csvCell(neutralise(cell));
}

/** A part with failed records and the segments they stand in. */
export interface FailedPart {
  part: PlannedPart;
  /** its name under `failed/`, without extension; no two parts have one */
  label: string;
  segments: SegmentPlace[];
  /** what of it is handed back: rows that could be read, rows that could not; null when the ledger does not say */
  kinds: { readable: boolean; unreadable: boolean } | null;
}

/** The parts of a phase that have failed records (C6). */
export async function failedParts({ stores }: ReportDeps, plan: StoredPlan): Promise<FailedPart[]> {
  const found = new Map<number, FailedPart>();
  const labels = new Set<string>();
  for (const tab of plan.tabs) {
    for await (const { finished, number, records, storageKey } of stores.segments.all({
      request: plan.request,
      phase: plan.phase,
      tab,
    })) {
      const segment = { number, records, storageKey };
      for (const index of finished?.failedParts ?? []) {
        const kinds = kindsOf(finished, index);
        const known = found.get(index);
        if (known !== undefined) {
          known.segments.push(segment);
          known.kinds = bothKinds(known.kinds, kinds);
          continue;
        }
        const part = partAt(plan, index);
        const stem = sourceFileLabel(part.name);
        let label = stem;
        for (let copy = 2; labels.has(label); copy++) label = `${stem} (${copy})`;
        labels.add(label);
        found.set(index, { part, label, segments: [segment], kinds });
      }
    }
  }
  return [...found.values()].toSorted((a, b) => a.part.index - b.part.index);
}

type Kinds = FailedPart['kinds'];

function kindsOf(finished: FinishedSegment | null, part: number): Kinds {
  const handedBack = finished?.handedBack;
  if (handedBack === undefined) return null;
  return { readable: handedBack.readable.includes(part), unreadable: handedBack.unreadable.includes(part) };
}

function bothKinds(some: Kinds, more: Kinds): Kinds {
  if (some === null || more === null) return null;
  return { readable: some.readable || more.readable, unreadable: some.unreadable || more.unreadable };
}

/**
 * `failed/<source file>.csv`: failed records verbatim, with the source's own columns and what is wrong with them (C6). UTF-8 without
 * byte order mark, separated by commas, whatever the source was; nothing is neutralised.
 */
export async function* failedFile(
  deps: ReportDeps,
  plan: StoredPlan,
  failed: FailedPart,
): AsyncGenerator<Buffer> {
  const own = ownColumns(failed.part);
  yield csvText([[...own.map((index) => failed.part.header[index] ?? ''), ...HANDED_BACK_HEADERS]]);
  for await (const { line, outcome } of failedRows(deps, plan, failed)) {
    const { cells } = line;
    if (cells === undefined) continue;
    yield csvText([
      [
        ...own.map((index) => cells[index] ?? ''),
        failed.part.name,
        String(line.row),
        outcome.code ?? '',
        outcome.column ?? '',
        outcome.message ?? '',
      ],
    ]);
  }
}

/** `failed/<source file>.unreadable`: rows that could not be read, byte by byte (C6). */
export async function* unreadableFile(
  deps: ReportDeps,
  plan: StoredPlan,
  failed: FailedPart,
): AsyncGenerator<Buffer> {
  for await (const { line } of failedRows(deps, plan, failed)) {
    if (line.raw !== undefined) yield Buffer.from(line.raw, 'base64');
  }
}

/** Which of the two files a part needs. */
export async function filesNeeded(
  deps: ReportDeps,
  plan: StoredPlan,
  failed: FailedPart,
): Promise<{ readable: boolean; unreadable: boolean }> {
  if (failed.kinds !== null) return failed.kinds;
  const needed = { readable: false, unreadable: false };
  for await (const { line } of failedRows(deps, plan, failed)) {
    if (line.raw === undefined) needed.readable = true;
    else needed.unreadable = true;
    if (needed.readable && needed.unreadable) break;
  }
  return needed;
}

async function* failedRows(deps: ReportDeps, plan: StoredPlan, { part, segments }: FailedPart) {
  const key: TabKey = { request: plan.request, phase: plan.phase, tab: part.tab };
  for await (const { rows } of readFailed(deps, key, segments)) {
    beat();
    for (const each of rows) if (each.outcome.part === part.index) yield each;
  }
}

/** Columns that only said which row was replaced are not the source's own. */
function ownColumns(part: PlannedPart): number[] {
  return part.columns.flatMap((each, index) => (each.use === 'handedBack' ? [] : [index]));
}

/** `superseded.csv`: rows of replies that a later reply's row stands for (E3). */
export async function* supersededFile(
  { stores, storage }: ReportDeps,
  plan: StoredPlan,
): AsyncGenerator<Buffer> {
  yield csvText([['tab', 'file', 'row', 'external_id']]);
  for (const tab of plan.tabs) {
    const key: TabKey = { request: plan.request, phase: plan.phase, tab };
    for await (const segment of stores.segments.all(key)) {
      if (segment.superseded === 0) continue;
      beat();
      const text = (await storage.get(segmentKey(key, segment.number, 'superseded'))).toString('utf8');
      const rows = text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as SupersededRow);
      yield csvText(
        rows.map(({ row, file, id }) => [tab, partAt(plan, file).name, String(row), id].map(neutralise)),
      );
    }
  }
}

/** C4: the file of a report that lists images of bodies which are shown from no attachment. */
export const IMAGES_FILE = 'inline-images.csv';
/** Its columns. */
export const IMAGE_COLUMNS = ['tab', 'file', 'row', 'external_id', 'reference', 'why'] as const;

/** `inline-images.csv` (C4); only when there are any. */
export async function* inlineImagesFile({ stores }: ReportDeps, plan: StoredPlan): AsyncGenerator<Buffer> {
  yield csvText([IMAGE_COLUMNS]);
  for await (const page of stores.bodyImages.pages(plan.request)) {
    beat();
    const rows = page.flatMap(({ tab, file, row, externalId, open }) =>
      open.map(({ reference, why }) => [tab, file, String(row), externalId, reference, why].map(neutralise)),
    );
    if (rows.length > 0) yield csvText(rows);
  }
}

/** `discrepancies.csv`: records by which source and desk differ (D1, D2); only when there are any. */
export function discrepanciesFile(found: readonly Discrepancy[]): Buffer {
  return csvText([
    ['tab', 'kind', 'external_id', 'expected', 'found'],
    ...found.map(({ tab, kind, externalId, expected, found: is }) =>
      [tab, kind, externalId, expected ?? '', is ?? ''].map(neutralise),
    ),
  ]);
}
