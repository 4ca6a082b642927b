import {
  accountNameKey,
  completeRecord,
  mailKey,
  type Parent,
  sayFaults,
  shortened,
  type World,
} from '../domain/complete-record.ts';
import { recordDigests } from '../domain/digest.ts';
import { type Fault, orderFaults, type ReadRecord } from '../domain/read-record.ts';
import type { RecordOutcome } from '../domain/record-outcome.ts';
import type { Tab } from '../domain/tab.ts';
import type { Desk, DeskRecord } from '../desk/desk.ts';
import type { BundledFile } from '../store/bundled-files.ts';
import type { FrozenEntry } from '../store/frozen.ts';
import type { ImportStores } from '../store/import-stores.ts';
import type { Links } from '../store/links.ts';
import type { Storage } from '../store/storage.ts';
import { filePathOf } from './fetch-files.ts';
import { holdsImages } from './body-texts.ts';
import type { PhaseWorld } from './phase-world.ts';
import { readerOf } from './part-view.ts';
import { keeperOf, partAt } from './plan-view.ts';
import type { SegmentLine } from './segment-file.ts';
import { blobKey, foldPath } from './unpack-bundles.ts';
import { normalisePath } from '../sources/zip-path.ts';

/** A record on its way to the desk. */
export interface PreparedRecord {
  /** what is known before writing; for a record that is not written, all */
  outcome: RecordOutcome;
  /** null when it is not written: it failed, was decided while staging, or is mapped to a record that was there before */
  record: DeskRecord | null;
  /** C9, C3: stands for a record that was in the portal before */
  mapped: boolean;
  /** C4: a status the portal did not know when the phase started */
  addsStatus: string | null;
  /** trimmed and lower-cased, of contacts */
  mail: string | null;
  createdTime: number | null;
  /** the row could not be read (C6) */
  unreadable: boolean;
  /** C4: its bodies may hold images */
  holdsImages: boolean;
}

interface Deps {
  stores: ImportStores & { links: Links };
  storage: Storage;
  desk: Desk;
}

interface Reading {
  line: SegmentLine;
  read: ReadRecord;
}

/** Reads, validates and completes a tab's staged rows, a batch at a time; references and people are looked up together. */
export class RecordPreparer {
  readonly #deps: Deps;
  readonly #world: PhaseWorld;
  readonly #tab: Tab;
  readonly #readers = new Map<number, (cells: readonly string[]) => ReadRecord>();

  constructor(deps: Deps, world: PhaseWorld, tab: Tab) {
    this.#deps = deps;
    this.#world = world;
    this.#tab = tab;
  }

  async prepare(lines: readonly SegmentLine[]): Promise<PreparedRecord[]> {
    const readings = new Map<SegmentLine, ReadRecord>();
    const list: Reading[] = [];
    for (const line of lines) {
      if (line.cells === undefined || line.code !== undefined) continue;
      const read = this.#reader(line.file)(line.cells);
      readings.set(line, read);
      list.push({ line, read });
    }
    if (list.length === 0) return lines.map((line) => this.#decidedBefore(line));
    const world = await this.#lookUp(list);
    const before = await this.#whoWasThere(list);
    const files = this.#tab === 'attachments' ? await this.#files(list) : null;
    const importedBefore = await this.#world.importedBefore(this.#deps.storage, this.#tab);
    return lines.map((line) => {
      const read = readings.get(line);
      if (read === undefined) return this.#decidedBefore(line);
      const complete = completeRecord(this.#tab, read, world(line));
      const { fields, given, warnings } = complete;
      let { faults } = complete;
      if (files !== null) {
        const { plan } = this.#world;
        faults = withFile(faults, read, fields, {
          files,
          keeper: keeperOf(plan),
          path: filePathOf(plan, line.file, read),
        });
      }
      const outcome = blankOutcome(line);
      const said = sayFaults(faults);
      if (said !== null) return { ...NOT_WRITTEN, outcome: { ...outcome, ...said } };
      const isKnown = importedBefore?.has(line.id) ?? false;
      const earlier = isKnown ? undefined : before(read);
      if (earlier !== undefined) {
        return {
          ...NOT_WRITTEN,
          outcome: { ...outcome, result: 'unchanged', deskId: earlier },
          mapped: true,
          ...mailOf(this.#tab, read),
        };
      }
      const digests = recordDigests(fields, given);
      return {
        outcome: { ...outcome, warnings },
        record: {
          externalId: line.id,
          fields,
          source: digests.given,
          written: digests.stored,
          importedBefore: isKnown,
        },
        mapped: false,
        unreadable: false,
        holdsImages: holdsImages(this.#tab, fields),
        addsStatus:
          warnings.includes('STATUS_ADDED') && typeof fields['status'] === 'string' ? fields['status'] : null,
        ...mailOf(this.#tab, read),
      };
    });
  }

  /** What the stager decided. */
  #decidedBefore(line: SegmentLine): PreparedRecord {
    const code = line.code ?? 'MALFORMED_ROW';
    const outcome = blankOutcome(line);
    outcome.code = code;
    outcome.message = line.message ?? null;
    if (code === 'DUPLICATE_ROW' || code === 'NOT_IN_SAMPLE') outcome.result = 'skipped';
    if (code === 'DUPLICATE_ID') outcome.column = this.#idHeader(line.file);
    return { ...NOT_WRITTEN, outcome, unreadable: line.cells === undefined };
  }

  #idHeader(part: number): string | null {
    const column = partAt(this.#world.plan, part).columns.find(
      (each) => each.use === 'field' && each.field === 'externalId',
    );
    return column === undefined ? null : column.header.replace(/^\uFEFF/, '').trim();
  }

  #reader(part: number): (cells: readonly string[]) => ReadRecord {
    let reader = this.#readers.get(part);
    if (reader === undefined) {
      reader = readerOf(partAt(this.#world.plan, part));
      this.#readers.set(part, reader);
    }
    return reader;
  }

  /** Looks parents and people of a batch up, and gives what completes a record. */
  async #lookUp(list: readonly Reading[]): Promise<(line: SegmentLine) => World> {
    const { desk, stores } = this.#deps;
    const { plan } = this.#world;
    const wanted = new Map<Tab, Set<string>>();
    const mails = new Set<string>();
    const authors = new Set<string>();
    for (const { read } of list) {
      for (const { tab, externalId } of read.references) {
        let ids = wanted.get(tab);
        if (ids === undefined) wanted.set(tab, (ids = new Set()));
        ids.add(externalId);
      }
      for (const { mail, role } of read.people) {
        mails.add(mail);
        if (role === 'author') authors.add(mail);
      }
    }
    const parents = new Map<Tab, Map<string, Parent>>();
    const findParents = [...wanted].map(async ([tab, ids]) => {
      const found = new Map<string, Parent>();
      for (const [id, deskId] of await this.#world.resolve(desk, tab, ids)) found.set(id, { deskId });
      const missing = [...ids].filter((id) => !found.has(id));
      for (const id of await stores.failures.among(keeperOf(plan), tab, missing)) found.set(id, 'failed');
      if (tab === 'articles') await this.#markTranslations(found);
      parents.set(tab, found);
    });
    const [agents, contacts] = await Promise.all([
      this.#world.agents(mails),
      this.#world.contacts(authors),
      ...findParents,
    ]);
    const base = this.#world.base;
    const common: World = {
      ...base,
      agent: (mail) => agents.get(mail),
      contact: (mail) => contacts.get(mail)?.deskId,
      parent: (tab, externalId) => parents.get(tab)?.get(externalId) ?? 'missing',
    };
    const ofTranslation: World = { ...common, parent: () => 'translation' };
    return (line) => (line.ofTranslation === true ? ofTranslation : common);
  }

  /** An article that came with another run and is a translation cannot be translated either. */
  async #markTranslations(found: Map<string, Parent>): Promise<void> {
    const { portal, scope } = this.#world.context;
    const ids = [...found].flatMap(([id, parent]) => (typeof parent === 'object' ? [id] : []));
    for (const { externalId, fields } of await this.#deps.desk.read(portal, scope, 'articles', ids)) {
      if (fields['translationOf'] !== undefined && fields['translationOf'] !== null)
        found.set(externalId, 'translation');
    }
  }

  /** C9, C3: the desk id of the record that was in the portal before and that a record is mapped to. */
  async #whoWasThere(list: readonly Reading[]): Promise<(read: ReadRecord) => string | undefined> {
    const keyOf = mappingKey(this.#tab);
    if (keyOf === null) return () => undefined;
    const keys = new Set<string>();
    for (const { read } of list) {
      const key = keyOf(read);
      if (key !== null) keys.add(key);
    }
    const { stores } = this.#deps;
    const { portal, scope } = this.#world.context;
    const found: ReadonlyMap<string, FrozenEntry> = await this.#world.before(this.#tab, keys);
    // what was mapped in an earlier phase stays mapped
    const linked =
      this.#world.plan.continues === null
        ? new Map<string, string>()
        : await stores.links.find(
            portal,
            scope,
            this.#tab,
            list.map(({ read }) => read.externalId).filter((id) => id !== ''),
          );
    return (read) => linked.get(read.externalId) ?? found.get(keyOf(read) ?? '')?.deskId;
  }

  /** The bundled files that attachments name, those of the latest upload first. */
  async #files(list: readonly Reading[]): Promise<Map<string, BundledFile>> {
    const files = new Map<string, BundledFile>();
    const open = new Map<string, Set<string>>();
    const { plan } = this.#world;
    for (const { line, read } of list) {
      const path = filePathOf(plan, line.file, read);
      if (path === null) continue;
      const folded = foldPath(path);
      open.set(folded, (open.get(folded) ?? new Set()).add(normalisePath(path)));
    }
    const bundles = plan.uploads.filter(({ zip, drawn }) => zip || drawn === true);
    for (const upload of bundles.toReversed()) {
      if (open.size === 0) break;
      const found = await this.#deps.stores.bundledFiles.find(keeperOf(plan), upload.key, [...open.keys()]);
      for (const [folded, candidates] of found) {
        const paths = open.get(folded);
        if (paths === undefined) continue;
        for (const path of paths) {
          const file =
            candidates.find((each) => each.path === path) ??
            (candidates.length === 1 ? candidates[0] : undefined);
          if (file === undefined) continue;
          files.set(path, file);
          paths.delete(path);
        }
        if (paths.size === 0) open.delete(folded);
      }
    }
    return files;
  }
}

const NOT_WRITTEN = {
  record: null,
  mapped: false,
  addsStatus: null,
  mail: null,
  createdTime: null,
  unreadable: false,
  holdsImages: false,
} as const;

/** The outcome of a record that failed, but for why. */
function blankOutcome(line: SegmentLine): RecordOutcome {
  return {
    row: line.row,
    part: line.file,
    externalId: shortened(line.id),
    deskId: null,
    result: 'failed',
    code: null,
    column: null,
    message: null,
    warnings: [],
    digest: null,
  };
}

/** What a record is mapped by to one that was in the portal before, or null for a tab that is never mapped. */
function mappingKey(tab: Tab): ((read: ReadRecord) => string | null) | null {
  const text = (read: ReadRecord, field: string): string | null => {
    const value = read.fields[field];
    return typeof value === 'string' && value.trim() !== '' ? value : null;
  };
  if (tab === 'agents' || tab === 'contacts') {
    return (read) => {
      const mail = text(read, 'email');
      return mail === null ? null : mailKey(mail);
    };
  }
  if (tab !== 'accounts') return null;
  return (read) => {
    const name = text(read, 'accountName');
    return name === null ? null : accountNameKey(name);
  };
}

function mailOf(tab: Tab, { fields }: ReadRecord): { mail: string | null; createdTime: number | null } {
  const mail = tab === 'contacts' ? fields['email'] : null;
  const created = fields['createdTime'];
  return {
    mail: typeof mail === 'string' ? mailKey(mail) : null,
    createdTime: created instanceof Date ? created.getTime() : null,
  };
}

/** Gives an attachment its file: content by SHA-256, or the fault that there is none (FILE_MISSING, CHECKSUM_MISMATCH). */
function withFile(
  faults: Fault[],
  read: ReadRecord,
  fields: DeskRecord['fields'],
  { files, keeper, path }: { files: ReadonlyMap<string, BundledFile>; keeper: string; path: string | null },
): Fault[] {
  if (path === null) return faults;
  const more: Fault[] = [];
  const file = files.get(normalisePath(path));
  const { sha256, size } = read.fields;
  if (file === undefined) {
    more.push({
      code: 'FILE_MISSING',
      column: 'File Path',
      index: 0,
      message: `File Path: the source holds no file "${shortened(path)}"`,
    });
  } else {
    if (typeof size === 'number' && size !== file.size) {
      more.push({
        code: 'CHECKSUM_MISMATCH',
        column: 'Size',
        index: 0,
        message: `Size: the file has ${file.size} bytes, not ${size}`,
      });
    }
    if (typeof sha256 === 'string' && sha256.trim().toLowerCase() !== file.sha256) {
      more.push({
        code: 'CHECKSUM_MISMATCH',
        column: 'SHA256',
        index: 1,
        message: `SHA256: the file's is ${file.sha256}`,
      });
    }
    fields['sha256'] = file.sha256;
    fields['size'] = file.size;
    fields['storageKey'] = blobKey(keeper, file.sha256);
  }
  return more.length === 0 ? faults : orderFaults([...faults, ...more]);
}
