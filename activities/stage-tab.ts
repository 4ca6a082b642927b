import type { Phase } from '../domain/phase.ts';
import { type ReadRow } from '../sources/rows.ts';
import { readPart } from '../sources/read-part.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { PlannedPart, StoredPlan } from '../store/plans.ts';
import type { StagedTabTotals, StagerPosition, TabKey } from '../store/segments.ts';
import type { Storage } from '../store/storage.ts';
import type { OpenSource } from './ask-source.ts';
import { beat } from './beat.ts';
import { failedRows } from './carry-failed.ts';
import { fetchFiles } from './fetch-files.ts';
import { ledgerName } from './fold-imported.ts';
import type { ImportActivities } from './import-activities.ts';
import { contentHash, KeyTable } from './key-table.ts';
import { accessTo, planOf, sourceParts, uploadOf } from './plan-view.ts';
import { type RowReader, rowReader } from './row-keys.ts';
import { type SegmentLine, segmentKey } from './segment-file.ts';
import { lineText, SegmentWriter } from './segment-writer.ts';
import { unpackBundles } from './unpack-bundles.ts';

export interface StageTabDeps {
  stores: ImportStores;
  storage: Storage;
  openSource: OpenSource;
}

/**
 * Makes the activity that stages a tab: its source is read once, in order, and written as segments; an attempt goes on behind
 * the last segment that was closed (D3). Reading in order it also decides DUPLICATE_ROW and DUPLICATE_ID (G) and, in
 * phase 2, which rows of replies and which failed records count (E3).
 */
export function makeStageTab(deps: StageTabDeps): ImportActivities['stageTab'] {
  return async (run) => {
    const { until = Number.POSITIVE_INFINITY, ...key } = run;
    const done = await deps.stores.segments.findStaged(key);
    if (done !== null) return { segments: done.segments, records: done.records };
    const plan = await planOf(deps.stores, run);
    // of a sample only those files that it takes, once it is chosen (B6)
    if (run.tab === 'attachments' && run.phase !== 'sample') {
      await unpackBundles(deps, plan);
      await fetchFiles(deps, plan);
    }
    const stager = new Stager(deps, plan, key, until);
    const isWhole = (await stager.resume()) && (await stager.run());
    const totals = await totalsOf(deps.stores, key);
    const { segments, records } = totals;
    if (!isWhole) return { segments, records, more: true };
    await deps.stores.segments.staged(key, totals);
    return { segments, records };
  };
}

async function totalsOf(stores: ImportStores, key: TabKey): Promise<StagedTabTotals> {
  const totals: StagedTabTotals = { segments: 0, records: 0, superseded: 0, replaced: 0, carried: 0 };
  for await (const segment of stores.segments.all(key)) {
    totals.segments++;
    totals.records += segment.records;
    totals.superseded += segment.superseded;
    totals.replaced += segment.replaced;
    totals.carried += segment.carried;
  }
  return totals;
}

const START: StagerPosition = { rank: 0, partsDone: 0, cursor: null, carried: null };

class Stager {
  readonly #deps: StageTabDeps;
  readonly #plan: StoredPlan;
  readonly #key: TabKey;
  readonly #until: number;
  readonly #table = new KeyTable();
  readonly #readers = new Map<number, RowReader>();
  readonly #sameLayout: boolean;
  #writer: SegmentWriter;
  /** behind the last row that was taken */
  #position: StagerPosition = START;

  constructor(deps: StageTabDeps, plan: StoredPlan, key: TabKey, until: number) {
    this.#until = until;
    this.#deps = deps;
    this.#plan = plan;
    this.#key = key;
    this.#sameLayout = haveSameLayout(plan.parts.filter(({ tab }) => tab === key.tab));
    this.#writer = new SegmentWriter(deps, key, this.#table, 0);
  }

  /**
   * Whether this piece has enough segments. What was read behind the last one is left to the next piece, which goes on as one
   * does that was killed here.
   */
  get #isEnough(): boolean {
    return this.#writer.number >= this.#until;
  }

  /** Goes behind the last closed segment. @returns false when there are enough already */
  async resume(): Promise<boolean> {
    const { stores, storage } = this.#deps;
    const last = await stores.segments.last(this.#key);
    if (last === null) return true;
    if (last.number >= this.#until) return false;
    for (let number = 1; number <= last.number; number++) {
      beat();
      const keys = segmentKey(this.#key, number, 'keys');
      if (await storage.exists(keys)) this.#table.load(await storage.get(keys));
    }
    this.#writer = new SegmentWriter(this.#deps, this.#key, this.#table, last.number);
    this.#position = last.after;
    return true;
  }

  /** @returns whether the tab is staged to its end; otherwise there are enough segments for this piece */
  async run(): Promise<boolean> {
    // of articles, originals come before translations
    const lastRank = this.#key.tab === 'articles' ? 1 : 0;
    for (;;) {
      const { rank } = this.#position;
      if (!(await this.#stageParts(rank)) || !(await this.#stageCarried(rank))) return false;
      const next: StagerPosition = { ...START, rank: 1 };
      if (this.#writer.isPending) await this.#writer.close(rank, rank < lastRank ? next : this.#position);
      if (rank >= lastRank) return true;
      this.#position = next;
    }
  }

  async #stageParts(rank: 0 | 1): Promise<boolean> {
    const parts = sourceParts(this.#plan, this.#key.tab);
    for (const part of parts.slice(this.#position.partsDone)) {
      const upload = uploadOf(this.#plan, part.upload);
      const batches = readPart(accessTo(this.#deps.storage, upload), part, this.#position.cursor);
      for await (const batch of batches) {
        beat();
        for (const [place, row] of batch.rows.entries()) {
          await this.#stageRow(part, row, rank);
          if (this.#isEnough) return false;
          const decodedBytes = batch.ends[place] ?? batch.after.decodedBytes;
          this.#position = { ...this.#position, cursor: { entry: part.entry, decodedBytes, row: row.row } };
        }
      }
      this.#position = { ...this.#position, partsDone: this.#position.partsDone + 1, cursor: null };
    }
    return true;
  }

  async #stageRow(part: PlannedPart, row: ReadRow, rank: 0 | 1): Promise<void> {
    const reader = this.#reader(part);
    if (!('cells' in row)) {
      if (rank === 0 && reader.takesUnreadable) {
        const { code, message } = row;
        const raw = Buffer.from(row.raw).toString('base64');
        await this.#take({ row: row.row, file: part.index, id: '', code, message, raw }, rank);
      }
      return;
    }
    const id = reader.id(row.cells);
    if (reader.distinct && (id === '' || this.#table.find(`${rank}i${id}`) !== undefined)) {
      this.#noteReplaced(part, row.cells, rank);
      return;
    }
    const ownRank = this.#key.tab === 'articles' && reader.translationOf(row.cells) !== '' ? 1 : 0;
    const line: SegmentLine = { row: row.row, file: part.index, id, cells: row.cells };
    const isOwn = ownRank === rank;
    const text = isOwn ? lineText(line) : '';
    if (isOwn) await this.#makeRoom(text, rank);
    const later = this.#laterReply(part, row.cells, id, rank);
    if (later) {
      if (isOwn) this.#writer.supersede({ row: row.row, file: part.index, id });
      return;
    }
    const repeated = this.#repeated(part, row.cells, { id, rank, text });
    if (rank === 0 && ownRank === 1 && repeated === null) this.#table.keep(`t${id}`, NO_CONTENT);
    if (!isOwn) return;
    const decided = { ...repeated, ...this.#ofTranslation(reader, row.cells) };
    const isPlain = repeated === null && decided.ofTranslation === undefined;
    this.#writer.add(isPlain ? text : lineText({ ...line, ...decided }));
  }

  /** E3: the records that failed in the phase before, but for those that a row of a reply replaces. */
  async #stageCarried(rank: 0 | 1): Promise<boolean> {
    const { continues } = this.#plan;
    if (continues === null) return true;
    const earlier: TabKey = { ...this.#key, phase: continues };
    const parts = this.#carriedParts(continues);
    const from = this.#position.carried ?? { segment: 1, line: -1 };
    const ledger = await ledgerName(this.#deps, earlier);
    for await (const { segment, place, code, line } of failedRows(
      this.#deps,
      earlier,
      ledger,
      from.segment,
    )) {
      if (segment === from.segment && place <= from.line) continue;
      const part = parts.get(line.file);
      if (part !== undefined) {
        await this.#stageFailed(part, line, code === 'DUPLICATE_ID' ? 'DUPLICATE_ID' : null, rank);
        if (this.#isEnough) return false;
      }
      this.#position = { ...this.#position, carried: { segment, line: place } };
    }
    return true;
  }

  async #stageFailed(
    part: PlannedPart,
    line: SegmentLine,
    code: 'DUPLICATE_ID' | null,
    rank: 0 | 1,
  ): Promise<void> {
    const { cells, row } = line;
    const reader = this.#reader(part);
    // a corrected mapping may give another one (E1)
    const id = cells === undefined ? line.id : reader.id(cells);
    const ownRank =
      cells !== undefined && this.#key.tab === 'articles' && reader.translationOf(cells) !== '' ? 1 : 0;
    const isOwn = ownRank === rank;
    const carried: SegmentLine = { ...line, id, file: part.index };
    delete carried.ofTranslation;
    if (isOwn) await this.#makeRoom(lineText(carried), rank);
    const replaced =
      this.#table.find(`${rank}r${part.name}\0${row}`) !== undefined ||
      (id !== '' && this.#table.find(`${rank}x${id}`) !== undefined);
    if (replaced) {
      if (isOwn) this.#writer.replace();
      return;
    }
    if (cells === undefined || (code !== null && id === line.id)) {
      if (!isOwn) return;
      this.#writer.carry();
      this.#add(code === null ? carried : { ...carried, code, message: line.message ?? REPEATED_ID });
      return;
    }
    delete carried.code;
    delete carried.message;
    const repeated = this.#repeated(part, cells, { id, rank, text: '' });
    if (rank === 0 && ownRank === 1 && repeated === null) this.#table.keep(`t${id}`, NO_CONTENT);
    if (!isOwn) return;
    this.#writer.carry();
    this.#add({ ...carried, ...repeated, ...this.#ofTranslation(reader, cells) });
  }

  /** E3: whether a reply that came later has a row for the same record; keeps what this row stands for. */
  #laterReply(part: PlannedPart, cells: readonly string[], id: string, rank: 0 | 1): boolean {
    if (this.#plan.continues === null) return false;
    const reader = this.#reader(part);
    const row = replacedRow(reader, cells, rank);
    const entry = { ...NO_CONTENT, arrival: part.arrival };
    const isLater = (key: string): boolean => (this.#table.find(key)?.arrival ?? -1) > part.arrival;
    if ((id !== '' && isLater(`${rank}i${id}`)) || (row !== null && isLater(row))) return true;
    if (row !== null) this.#table.keep(row, entry);
    if (id !== '' && (row === null || reader.distinct)) this.#table.keep(`${rank}x${id}`, entry);
    return false;
  }

  /** E3: a row that is no record of its own still says which failed row it was mended from. */
  #noteReplaced(part: PlannedPart, cells: readonly string[], rank: 0 | 1): void {
    if (this.#plan.continues === null) return;
    const row = replacedRow(this.#reader(part), cells, rank);
    if (row !== null) this.#table.keep(row, { ...NO_CONTENT, arrival: part.arrival });
  }

  /** G: of rows with one external id the first counts. */
  #repeated(
    part: PlannedPart,
    cells: readonly string[],
    { id, rank, text }: { id: string; rank: 0 | 1; text: string },
  ): { code: 'DUPLICATE_ROW' | 'DUPLICATE_ID'; message: string } | null {
    if (id === '') return null;
    const content = contentHash(
      this.#sameLayout ? cellsText(text, cells) : this.#reader(part).content(cells),
    );
    const first = this.#table.keep(`${rank}i${id}`, { content, arrival: part.arrival });
    if (first === undefined) return null;
    const isSame = first.content[0] === content[0] && first.content[1] === content[1];
    return isSame
      ? { code: 'DUPLICATE_ROW', message: 'the same row stands in the source before' }
      : { code: 'DUPLICATE_ID', message: REPEATED_ID };
  }

  #ofTranslation(reader: RowReader, cells: readonly string[]): { ofTranslation?: true } {
    if (this.#key.tab !== 'articles') return {};
    const parent = reader.translationOf(cells);
    return parent !== '' && this.#table.find(`t${parent}`) !== undefined ? { ofTranslation: true } : {};
  }

  async #take(line: SegmentLine, rank: 0 | 1): Promise<void> {
    const text = lineText(line);
    await this.#makeRoom(text, rank);
    this.#writer.add(text);
  }

  /** Closes the segment under way when this line does not fit; to be called before the row's keys are kept. */
  async #makeRoom(text: string, rank: 0 | 1): Promise<void> {
    if (!this.#writer.fits(text)) await this.#writer.close(rank, this.#position);
  }

  #add(line: SegmentLine): void {
    this.#writer.add(lineText(line));
  }

  #reader(part: PlannedPart): RowReader {
    let reader = this.#readers.get(part.index);
    if (reader === undefined) {
      reader = rowReader(part);
      this.#readers.set(part.index, reader);
    }
    return reader;
  }

  /** index of a part in the earlier phase's plan -> the part in this plan */
  #carriedParts(phase: Phase): Map<number, PlannedPart> {
    const parts = new Map<number, PlannedPart>();
    for (const part of this.#plan.parts) {
      if (part.carried?.phase === phase) parts.set(part.carried.index, part);
    }
    return parts;
  }
}

/**
 * Whether rows say the same just when their cells are the same, one by one: no two parts have other columns, and no column only
 * says which row is replaced.
 */
function haveSameLayout(parts: readonly PlannedPart[]): boolean {
  const layouts = new Set(parts.map(({ header }) => JSON.stringify(header)));
  return (
    layouts.size === 1 &&
    parts.every(
      ({ tab, kind, mapping, columns }) =>
        tab !== 'articles' &&
        kind === 'csv' &&
        mapping === null &&
        columns.every(({ use }) => use !== 'handedBack'),
    )
  );
}

const CELLS = '"cells":';

/** A row's cells as JSON; where its line was made they are the end of it. */
function cellsText(line: string, cells: readonly string[]): string {
  return line === '' ? JSON.stringify(cells) : line.slice(line.indexOf(CELLS) + CELLS.length, -1);
}

/** The key of the failed row that a row was mended from, or null. */
function replacedRow(reader: RowReader, cells: readonly string[], rank: 0 | 1): string | null {
  const replaces = reader.replaces(cells);
  return replaces === null ? null : `${rank}r${replaces.file}\0${replaces.row}`;
}

const NO_CONTENT = { content: [0, 0], arrival: 0 } as const;
const REPEATED_ID = 'another row with this external id stands before; that one counts';
