import { createHash } from 'node:crypto';
import path from 'node:path';
import { canonical, type Value } from '../domain/canonical.ts';
import type { FailureCode } from '../domain/codes.ts';
import { matchHeaders } from '../domain/columns.ts';
import {
  completeRecord,
  departmentKey,
  type Parent,
  sayFaults,
  type World,
} from '../domain/complete-record.ts';

import { type ReadRecord, recordReader } from '../domain/read-record.ts';
import { TABS, type Tab } from '../domain/tab.ts';
import { localFile } from '../sources/local-file.ts';
import { memoryFile } from '../sources/memory-file.ts';
import { openPart } from '../sources/open-part.ts';
import { openZip } from '../sources/open-zip.ts';
import { readCsv, readHeader } from '../sources/read-csv.ts';
import { tabOfName } from '../sources/tab-of-name.ts';
import type { OpenBytes } from '../sources/rows.ts';
import { type SampleManifest, Tally } from './sample-help-desk.ts';
import { SAMPLE_DEPARTMENTS, SAMPLE_STATUSES } from './sample-world.ts';

const MOST_BYTES = 16_000_000;

/** One record of a file. */
interface Staged {
  tab: Tab;
  file: string;
  row: number;
  cells: readonly string[];
  idHeader: string;
  /** null where the row cannot be read */
  read: ReadRecord | null;
  unreadable: FailureCode | null;
  /** the failed row it stands for, `<file>#<row>` (C6) */
  replaces: string | null;
  /** a second record with an id already seen: not really tried again (E3) */
  duplicate: boolean;
}

interface Fault {
  code: FailureCode;
  column: string | null;
}

/** A failed record as it was found; `again` = one of an earlier run that was tried once more. */
export interface FoundFailure extends Fault {
  tab: Tab;
  file: string;
  row: number;
  externalId: string | null;
  again: boolean;
}

export interface ImportFound extends Pick<SampleManifest, 'tabs' | 'warnings'> {
  failures: FoundFailure[];
  skipped: { tab: Tab; file: string; row: number; externalId: string }[];
}

/**
 * An import of small exports into a portal in memory, by the product's own rules for rows (domain/, sources/) and with
 * nothing of the generator's but departments and statuses. What it finds is what a manifest must say.
 */
export class PlainImport {
  /** what is in the portal: digest of what the source gave, by external id */
  readonly #there = new Map<Tab, Map<string, string>>(TABS.map((tab) => [tab, new Map()]));
  readonly #failedIds = new Map<Tab, Set<string>>(TABS.map((tab) => [tab, new Set()]));
  readonly #translations = new Set<string>();
  readonly #agents = new Map<string, boolean>();
  readonly #contacts = new Set<string>();
  /** SHA-256 of attachment files, by path */
  readonly #files = new Map<string, string>();
  #failed: Staged[] = [];

  /**
   * Imports the upload files of a folder. A second call is phase 2: rows take the place of the failed rows they name, the other
   * failed rows are tried again as they were (E3).
   */
  async run(folder: string, files: readonly string[]): Promise<ImportFound> {
    const staged: Staged[] = [];
    for (const file of files) {
      if (file.endsWith('.zip')) staged.push(...(await this.#stageZip(path.join(folder, file))));
      else {
        const { open } = await openPart(await localFile(path.join(folder, file)), null);
        staged.push(...(await stagePart(file, open)));
      }
    }
    const replaced = new Set(staged.map(({ replaces }) => replaces));
    const again = new Set(this.#failed.filter(({ file, row }) => !replaced.has(`${file}#${row}`)));
    this.#failed = [];
    const tally = new Tally();
    const found: ImportFound = { tabs: tally.tabs, warnings: tally.warnings, failures: [], skipped: [] };
    for (const tab of TABS) {
      const rows = [...staged, ...again].filter((each) => each.tab === tab);
      this.#importTab(tab, tab === 'articles' ? originalsFirst(rows) : rows, again, tally, found);
    }
    return found;
  }

  async #stageZip(file: string): Promise<Staged[]> {
    const zip = await openZip(file);
    const staged: Staged[] = [];
    try {
      if (zip.problems.length > 0) throw new Error(JSON.stringify(zip.problems));
      for (const entry of zip.entries) {
        if (entry.name.endsWith('.csv')) {
          const chunks: Uint8Array[] = [];
          for await (const chunk of await zip.read(entry)) chunks.push(chunk);
          const { open } = await openPart(memoryFile(entry.name, Buffer.concat(chunks)), null);
          staged.push(...(await stagePart(entry.name, open)));
        } else {
          const hash = createHash('sha256');
          for await (const chunk of await zip.read(entry)) hash.update(chunk);
          this.#files.set(entry.name, hash.digest('hex'));
        }
      }
      return staged;
    } finally {
      zip.close();
    }
  }

  #importTab(
    tab: Tab,
    rows: readonly Staged[],
    again: ReadonlySet<Staged>,
    tally: Tally,
    found: ImportFound,
  ): void {
    const firsts = new Map<string, string>();
    const failedIds = this.#of(this.#failedIds, tab);
    for (const staged of rows) {
      const { file, row, read, cells } = staged;
      const id = read?.externalId ?? null;
      const content = JSON.stringify(cells);
      if (id !== null && !staged.duplicate && firsts.get(id) === content) {
        tally.count(tab, { result: 'skipped', why: '' });
        found.skipped.push({ tab, file, row, externalId: id });
        continue;
      }
      const duplicate = staged.duplicate || (id !== null && firsts.has(id));
      const fault = duplicate
        ? { code: 'DUPLICATE_ID' as const, column: staged.idHeader }
        : this.#import(staged, tally);
      if (id !== null && !duplicate) {
        firsts.set(id, content);
        if (fault === null) failedIds.delete(id);
        else failedIds.add(id);
      }
      if (fault === null) continue;
      tally.count(tab, { result: 'failed', ...fault, why: '' });
      found.failures.push({ tab, file, row, externalId: id, ...fault, again: again.has(staged) });
      this.#failed.push({ ...staged, duplicate });
    }
  }

  /** Imports one record; counts it unless it is at fault. */
  #import({ tab, read, unreadable, cells }: Staged, tally: Tally): Fault | null {
    if (read === null) return { code: unreadable ?? 'MALFORMED_ROW', column: null };
    const original = read.references.find(({ field }) => field === 'translationOf');
    if (original !== undefined && this.#translations.has(original.externalId)) {
      return { code: 'BAD_FORMAT', column: original.column };
    }
    const { faults, fields, given, warnings } = completeRecord(tab, read, this.#world());
    const fault = sayFaults(faults);
    if (fault !== null) return { code: fault.code, column: fault.column };
    if (cells.reduce((sum, cell) => sum + Buffer.byteLength(cell), 0) > MOST_BYTES)
      return { code: 'TOO_LARGE', column: null };
    if (tab === 'attachments') {
      const sum = this.#files.get(textOf(fields['filePath']));
      if (sum === undefined) return { code: 'FILE_MISSING', column: 'File Path' };
      if (sum !== fields['sha256']) return { code: 'CHECKSUM_MISMATCH', column: 'SHA256' };
    }
    const there = this.#of(this.#there, tab);
    const before = there.get(read.externalId);
    const now = canonical(given);
    there.set(read.externalId, now);
    if (original !== undefined) this.#translations.add(read.externalId);
    const mail = textOf(fields['email']).toLowerCase();
    if (tab === 'agents') this.#agents.set(mail, fields['status'] === 'active');
    if (tab === 'contacts') this.#contacts.add(mail);
    tally.count(tab, {
      result: before === undefined ? 'created' : before === now ? 'unchanged' : 'updated',
      warnings,
    });
    return null;
  }

  #world(): World {
    return {
      importTime: 0,
      primaryContact: 'primary',
      departments: new Map(SAMPLE_DEPARTMENTS.map((name) => [departmentKey(name), name])),
      defaultDepartment: null,
      statuses: new Set(SAMPLE_STATUSES),
      parent: (tab, id): Parent => {
        if (this.#of(this.#there, tab).has(id)) return { deskId: id };
        return this.#of(this.#failedIds, tab).has(id) ? 'failed' : 'missing';
      },
      agent: (mail) => {
        const active = this.#agents.get(mail);
        return active === undefined ? undefined : { deskId: mail, active };
      },
      contact: (mail) => (this.#contacts.has(mail) ? mail : undefined),
    };
  }

  #of<T>(byTab: ReadonlyMap<Tab, T>, tab: Tab): T {
    return byTab.get(tab) as T;
  }
}

function originalsFirst(rows: readonly Staged[]): Staged[] {
  const isTranslation = ({ read }: Staged): boolean => (read?.references.length ?? 0) > 0;
  return [...rows.filter((row) => !isTranslation(row)), ...rows.filter(isTranslation)];
}

async function stagePart(file: string, open: OpenBytes): Promise<Staged[]> {
  const tab = tabOfName(file);
  if (tab === null) throw new Error(`${file} names no tab`);
  const { header, delimiter, fault } = await readHeader(open, { encoding: 'utf-8' });
  if (fault !== null) throw new Error(`${file}: ${fault}`);
  const { columns, missing } = matchHeaders(tab, header);
  if (missing.length > 0) throw new Error(`${file} lacks ${missing.join(', ')}`);
  const reader = recordReader({ tab, columns });
  const idHeader = header[0]?.replace(/^\uFEFF/, '') ?? '';
  const staged: Staged[] = [];
  for await (const { rows } of readCsv(open, { encoding: 'utf-8', delimiter, header })) {
    for (const each of rows) {
      const at = { tab, file, row: each.row, idHeader, duplicate: false };
      if ('raw' in each) {
        staged.push({ ...at, cells: [], read: null, unreadable: each.code, replaces: null });
        continue;
      }
      const cell = (name: string): string | undefined => each.cells[header.indexOf(name)];
      const replaced = cell('deskferry_file');
      const replaces = replaced === undefined ? null : `${replaced}#${cell('deskferry_row')}`;
      staged.push({ ...at, cells: each.cells, read: reader(each.cells), unreadable: null, replaces });
    }
  }
  return staged;
}

function textOf(value: Value | undefined): string {
  return typeof value === 'string' ? value : '';
}
