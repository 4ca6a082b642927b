import { COLUMNS, type Column, columnFor, headerKey, ONE_REFERENCE_OF } from './columns.ts';
import { recordReader } from './read-record.ts';
import { isTimeZone, timeForm, TimeFormError } from './read-time-form.ts';
import { isTab, type Tab, TABS } from './tab.ts';

/** How source columns become desk fields (A10, docs/mapping.md): what a person writes, confirms and saves. */
export interface Mapping {
  version: 1;
  /** the first entry whose name pattern fits a file says how it is read; a file that none fits is in the prepared format */
  files: FileMapping[];
}

export interface FileMapping {
  /** name pattern with `*` and `?`: of the file, of an entry of a ZIP, or `file.zip/entry.csv` */
  file: string;
  /** how its times are written; see timeForm */
  timeFormat?: string;
  /** IANA name of the zone of times that name no offset; UTC where nothing is said */
  timeZone?: string;
  tabs: TabMapping[];
}

export interface TabMapping {
  tab: Tab;
  /** only the first row with an external id is a record of this tab; rows without one are none either */
  distinct?: boolean;
  /** by the desk's header (docs/formats.md) or field name */
  fields: Record<string, FieldMapping>;
  /** columns kept as custom fields of this tab, mapped elsewhere or not */
  custom?: string[];
}

/** Where a field's value comes from; a text alone names the column. */
export type FieldMapping = string | FieldRule;

/** Exactly one of `column`, `columns`, `constant` and `idFrom`. */
export interface FieldRule {
  column?: string;
  /** several columns, with `join` or `take` */
  columns?: string[];
  /** stands between the values that are not empty */
  join?: string;
  /** which of the values counts: the first that is not empty, or of times the earliest or latest */
  take?: 'first' | 'earliest' | 'latest';
  constant?: string;
  /** columns an external id is made of; the same values give the same id in every tab, without regard to case and outer spaces */
  idFrom?: string | string[];
  /** in front of an external id */
  prefix?: string;
  /** source value -> desk value; what is not named stays as it is */
  values?: Record<string, string>;
  /** for values that `values` does not name */
  otherwise?: string;
  /** for empty values; its use is a warning on the record (VALUE_DEFAULTED) */
  default?: string;
  timeFormat?: string;
  timeZone?: string;
}

/** What is wrong with a mapping, and where: a JSON pointer (RFC 6901) into it. */
export interface MappingFault {
  pointer: string;
  /** goes on the sentence that the pointer begins */
  detail: string;
}

/** The column of a tab that a mapping's field names, by header or field name. */
export function mappedColumn(tab: Tab, name: string): Column | undefined {
  const key = headerKey(name);
  return columnFor(tab, name) ?? COLUMNS[tab].find(({ field }) => headerKey(field) === key);
}

/** The columns a field is made of, as the mapping names them. */
export function columnsOf(field: FieldMapping): string[] {
  if (typeof field === 'string') return [field];
  if (field.column !== undefined) return [field.column];
  if (field.idFrom !== undefined) return typeof field.idFrom === 'string' ? [field.idFrom] : field.idFrom;
  return field.columns ?? [];
}

/** The names of a file's columns as mappings use them: those that come again are numbered, `Name (2)`. */
export function columnNames(header: readonly string[]): string[] {
  const taken = new Set<string>();
  return header.map((each) => {
    const clean = each.replace(/^\uFEFF/, '').trim();
    const stem = clean === '' ? 'column' : clean;
    let name = stem;
    for (let copy = 2; taken.has(name); copy++) name = `${stem} (${copy})`;
    taken.add(name);
    return name;
  });
}

/**
 * Finds columns of a file by name: as it is composed, else without regard to case, spaces, underscores and hyphens; -1 when there is
 * none.
 */
export function columnFinder(header: readonly string[]): (name: string) => number {
  const exact = new Map<string, number>();
  const loose = new Map<string, number>();
  // one character may be written in two ways; which one a file has is nothing a person sees
  for (const [index, each] of columnNames(header).entries()) {
    const name = each.normalize('NFC');
    if (!exact.has(name)) exact.set(name, index);
    if (!loose.has(headerKey(name))) loose.set(headerKey(name), index);
  }
  return (wanted) => {
    const name = wanted.trim().normalize('NFC');
    return exact.get(name) ?? loose.get(headerKey(name)) ?? -1;
  };
}

/**
 * The entry of a mapping for a file, or null when it is in the prepared format. A file that was sent again as
 * `name (2).csv` is still `name.csv`.
 * @param file name of the upload
 * @param entry path inside the ZIP; null = the file itself
 */
export function fileMappingFor(
  mapping: Mapping,
  { file, entry }: { file: string; entry: string | null },
): FileMapping | null {
  const names =
    entry === null ? [file] : [`${file}/${entry}`, entry, entry.slice(entry.lastIndexOf('/') + 1)];
  const all = names.flatMap((name) => [name, name.replace(/ \(\d+\)(?=\.[^./]*$)/, '')]);
  return mapping.files.find((each) => all.some((name) => fits(each.file, name))) ?? null;
}

/** Whether a name fits a pattern: `*` is any text, `?` one character; case does not matter. Never slower than both lengths multiplied. */
function fits(pattern: string, name: string): boolean {
  const wanted = Array.from(pattern.trim().normalize('NFC').toLowerCase());
  const given = Array.from(name.normalize('NFC').toLowerCase());
  let at = 0;
  let star = -1;
  let afterStar = 0;
  for (let place = 0; place < given.length; ) {
    if (wanted[at] === '*') {
      star = at++;
      afterStar = place;
    } else if (wanted[at] === '?' || (at < wanted.length && wanted[at] === given[place])) {
      at++;
      place++;
    } else if (star >= 0) {
      at = star + 1;
      place = ++afterStar;
    } else return false;
  }
  while (wanted[at] === '*') at++;
  return at === wanted.length;
}

/** Whether a tab has a record for every row of the file; else some rows are no records of it. */
function takesEveryRow(tab: TabMapping): boolean {
  return tab.distinct !== true;
}

/** The tab that keeps what no tab asks for: the first that has a record for every row, else the first. */
export function mainTab({ tabs }: FileMapping): number {
  return Math.max(0, tabs.findIndex(takesEveryRow));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const MOST_FAULTS = 100;
const LONGEST_TEXT = 10_000;
const MOST_ENTRIES = 10_000;

/**
 * Checks a mapping as a person wrote it: its shape, that its fields are there, that required ones are filled, its formats,
 * zones and values. Whether the files have its columns is `checkMappedColumns`'s to say.
 */
export function readMapping(document: unknown): { mapping: Mapping } | { faults: MappingFault[] } {
  const faults = new MappingCheck().document(document);
  return faults.length === 0 ? { mapping: document as Mapping } : { faults: faults.slice(0, MOST_FAULTS) };
}

type Path = readonly (string | number)[];

function pointerOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const FIELD_MEMBERS = [
  'column',
  'columns',
  'join',
  'take',
  'constant',
  'idFrom',
  'prefix',
  'values',
  'otherwise',
  'default',
  'timeFormat',
  'timeZone',
];
const ORIGINS = ['column', 'columns', 'constant', 'idFrom'] as const;

class MappingCheck {
  readonly #faults: MappingFault[] = [];

  document(value: unknown): MappingFault[] {
    const mapping = this.#object([], value, ['version', 'files']);
    if (mapping === null) return this.#faults;
    if (mapping['version'] !== 1) this.#fault(['version'], 'is not 1');
    this.#list(['files'], mapping['files'], (path, file) => this.#file(path, file));
    return this.#faults;
  }

  #fault(path: Path, detail: string): void {
    this.#faults.push({ pointer: pointerOf(path), detail });
  }

  #object(path: Path, value: unknown, members: readonly string[]): Record<string, unknown> | null {
    if (!isRecord(value)) {
      this.#fault(path, 'is not an object');
      return null;
    }
    for (const member of Object.keys(value)) {
      if (!members.includes(member)) this.#fault([...path, member], 'is not known here');
    }
    return value;
  }

  #list(path: Path, value: unknown, check: (path: Path, each: unknown) => void): void {
    if (!Array.isArray(value) || value.length === 0) this.#fault(path, 'is not a list of at least one');
    else if (value.length > MOST_ENTRIES) this.#fault(path, `has more than ${MOST_ENTRIES} entries`);
    else for (const [index, each] of value.entries()) check([...path, index], each);
  }

  #text(path: Path, value: unknown, { mayBeEmpty = false } = {}): string | null {
    if (typeof value !== 'string') this.#fault(path, 'is not a text');
    else if (!mayBeEmpty && value.trim() === '') this.#fault(path, 'is empty');
    else if (value.length > LONGEST_TEXT) this.#fault(path, `is longer than ${LONGEST_TEXT} characters`);
    else if (!value.isWellFormed()) this.#fault(path, 'holds half a character');
    else return value;
    return null;
  }

  #file(path: Path, value: unknown): void {
    const file = this.#object(path, value, ['file', 'timeFormat', 'timeZone', 'tabs']);
    if (file === null) return;
    this.#text([...path, 'file'], file['file']);
    this.#times(path, file);
    this.#list([...path, 'tabs'], file['tabs'], (at, tab) => this.#tab(at, tab, file));
  }

  /** Format and zone; false when one of them cannot be used. */
  #times(path: Path, { timeFormat, timeZone }: Record<string, unknown>): boolean {
    const before = this.#faults.length;
    if (timeFormat !== undefined) {
      const format = this.#text([...path, 'timeFormat'], timeFormat);
      const reason = format === null ? null : formatFault(format);
      if (reason !== null) this.#fault([...path, 'timeFormat'], reason);
    }
    if (timeZone !== undefined) {
      const zone = this.#text([...path, 'timeZone'], timeZone);
      if (zone !== null && !isTimeZone(zone)) {
        this.#fault([...path, 'timeZone'], 'is no IANA time zone such as Asia/Tokyo');
      }
    }
    return this.#faults.length === before;
  }

  #tab(path: Path, value: unknown, file: Record<string, unknown>): void {
    const given = this.#object(path, value, ['tab', 'distinct', 'fields', 'custom']);
    if (given === null) return;
    const { tab, distinct, fields, custom } = given;
    if (distinct !== undefined && typeof distinct !== 'boolean') {
      this.#fault([...path, 'distinct'], 'is neither true nor false');
    }
    if (custom !== undefined) {
      this.#list([...path, 'custom'], custom, (at, column) => void this.#text(at, column));
    }
    if (!isTab(tab)) {
      this.#fault([...path, 'tab'], `is no tab; the tabs are ${TABS.join(', ')}`);
      return;
    }
    if (!isRecord(fields)) {
      this.#fault([...path, 'fields'], 'is not an object');
      return;
    }
    const mapped = new Set<string>();
    for (const [name, field] of Object.entries(fields)) {
      const at = [...path, 'fields', name];
      const column = mappedColumn(tab, name);
      if (column === undefined) {
        this.#fault(at, `is no field of ${tab}`);
        continue;
      }
      if (mapped.has(column.field)) this.#fault(at, `stands for ${column.header}, which is mapped already`);
      mapped.add(column.field);
      this.#field(at, column, { tab, file }, field);
    }
    for (const { header, field } of COLUMNS[tab].filter((each) => each.required)) {
      if (!mapped.has(field)) {
        this.#fault([...path, 'fields'], `lacks ${header}: map a column, a constant or a default to it`);
      }
    }
    const oneOf = ONE_REFERENCE_OF[tab];
    if (oneOf !== undefined && !oneOf.some((field) => mapped.has(field))) {
      this.#fault([...path, 'fields'], 'lacks TicketExtId, ThreadExtId and CommentExtId; one is needed');
    }
  }

  #field(path: Path, column: Column, { tab, file }: Place, value: unknown): void {
    if (typeof value === 'string') {
      this.#text(path, value);
      return;
    }
    const rule = this.#object(path, value, FIELD_MEMBERS);
    if (rule === null) return;
    const origins = ORIGINS.filter((member) => rule[member] !== undefined);
    if (origins.length !== 1) {
      this.#fault(path, 'needs exactly one of column, columns, constant and idFrom');
      return;
    }
    const [origin] = origins;
    this.#origin(path, column, rule, origin);
    if (column.type === 'time') {
      if (!this.#times(path, rule)) return;
    } else {
      for (const member of ['timeFormat', 'timeZone'] as const) {
        if (rule[member] !== undefined)
          this.#fault([...path, member], `is for times; ${column.header} is none`);
      }
    }
    this.#values(path, rule);
    this.#given(path, column, { tab, file }, rule);
  }

  #origin(
    path: Path,
    column: Column,
    rule: Record<string, unknown>,
    origin: (typeof ORIGINS)[number] | undefined,
  ): void {
    const isId = column.type === 'externalId' || column.type === 'reference';
    const { columns, idFrom, join, take, prefix } = rule;
    if (origin === 'column') this.#text([...path, 'column'], rule['column']);
    if (origin === 'columns') {
      this.#list([...path, 'columns'], columns, (at, each) => void this.#text(at, each));
      if ((join === undefined) === (take === undefined))
        this.#fault(path, 'needs either join or take for its columns');
    } else {
      for (const member of ['join', 'take'] as const) {
        if (rule[member] !== undefined) this.#fault([...path, member], 'needs columns');
      }
    }
    if (join !== undefined) this.#text([...path, 'join'], join, { mayBeEmpty: true });
    if (take !== undefined && take !== 'first' && take !== 'earliest' && take !== 'latest') {
      this.#fault([...path, 'take'], 'is none of first, earliest and latest');
    } else if ((take === 'earliest' || take === 'latest') && column.type !== 'time') {
      this.#fault([...path, 'take'], `is for times; ${column.header} is none`);
    }
    if (origin === 'idFrom') {
      const at = [...path, 'idFrom'];
      if (!isId) this.#fault(at, `is for external ids; ${column.header} is none`);
      if (Array.isArray(idFrom)) this.#list(at, idFrom, (place, each) => void this.#text(place, each));
      else this.#text(at, idFrom);
    }
    if (prefix !== undefined) {
      if (!isId) this.#fault([...path, 'prefix'], `is for external ids; ${column.header} is none`);
      else if (origin === 'constant') this.#fault([...path, 'prefix'], 'does not go with a constant');
      this.#text([...path, 'prefix'], prefix);
    }
    if (column.type !== 'externalId') return;
    for (const member of ['constant', 'default', 'values', 'otherwise'] as const) {
      if (rule[member] !== undefined)
        this.#fault([...path, member], 'would give several records one external id');
    }
  }

  #values(path: Path, rule: Record<string, unknown>): void {
    const { values } = rule;
    if (values === undefined) {
      if (rule['otherwise'] !== undefined) this.#fault([...path, 'otherwise'], 'needs values');
      return;
    }
    if (rule['constant'] !== undefined || rule['idFrom'] !== undefined) {
      this.#fault([...path, 'values'], 'needs a column');
    }
    if (!isRecord(values)) {
      this.#fault([...path, 'values'], 'is not an object');
      return;
    }
    for (const [from, to] of Object.entries(values)) {
      if (from.trim() === '') this.#fault([...path, 'values', from], 'is empty; use default');
      this.#text([...path, 'values', from], to, { mayBeEmpty: true });
    }
  }

  /** Texts that come from the mapping itself must be what the field takes, else every row would fail by them. */
  #given(path: Path, column: Column, { tab, file }: Place, rule: Record<string, unknown>): void {
    const before = this.#faults.length;
    const texts: [Path, string][] = [];
    for (const member of ['constant', 'default', 'otherwise'] as const) {
      if (rule[member] === undefined) continue;
      const text = this.#text([...path, member], rule[member]);
      if (text !== null) texts.push([[...path, member], text]);
    }
    if (rule['constant'] !== undefined && rule['default'] !== undefined) {
      this.#fault([...path, 'default'], 'is never used beside a constant');
    }
    for (const [from, to] of Object.entries(isRecord(rule['values']) ? rule['values'] : {})) {
      if (typeof to === 'string' && to !== '') texts.push([[...path, 'values', from], to]);
    }
    if (this.#faults.length > before) return;
    for (const [at, text] of texts) {
      const reason = column.type === 'time' ? timeFault(text, rule, file) : valueFault(tab, column, text);
      if (reason !== null) this.#fault(at, reason);
    }
  }
}

interface Place {
  tab: Tab;
  /** the entry of the file, whose format and zone count where the field has none */
  file: Record<string, unknown>;
}

function formatFault(format: string): string | null {
  try {
    timeForm(format, null);
    return null;
  } catch (error) {
    if (error instanceof TimeFormError) return error.message;
    throw error;
  }
}

const textOr = (value: unknown, otherwise: unknown): string | null =>
  typeof value === 'string' ? value : typeof otherwise === 'string' ? otherwise : null;

function timeFault(
  text: string,
  rule: Record<string, unknown>,
  file: Record<string, unknown>,
): string | null {
  try {
    const form = timeForm(
      textOr(rule['timeFormat'], file['timeFormat']),
      textOr(rule['timeZone'], file['timeZone']),
    );
    return form.read(text) === null ? `is not a time like ${form.looks}` : null;
  } catch (error) {
    // told where the format or the zone stands
    if (error instanceof TimeFormError) return null;
    throw error;
  }
}

function valueFault(tab: Tab, { field, header }: Column, text: string): string | null {
  const { faults } = recordReader({ tab, columns: [{ use: 'field', field, header }] })([text]);
  const found = faults.find(({ column, code }) => column === header && code !== 'MISSING_REQUIRED');
  return found === undefined ? null : found.message.slice(header.length + 1);
}

/** A table of the request's uploads. */
export interface NamedHeader {
  file: string;
  entry: string | null;
  header: readonly string[];
}

/** The columns that a mapping names and that a file it reads does not have. */
export function checkMappedColumns(mapping: Mapping, files: readonly NamedHeader[]): MappingFault[] {
  const faults: MappingFault[] = [];
  for (const named of files) {
    const found = fileMappingFor(mapping, named);
    if (found === null) continue;
    const at = ['files', mapping.files.indexOf(found)];
    const find = columnFinder(named.header);
    const name = named.entry === null ? named.file : `${named.file}/${named.entry}`;
    const check = (path: Path, column: string): void => {
      if (find(column) >= 0) return;
      faults.push({
        pointer: pointerOf([...at, ...path]),
        detail: `names "${column}", a column that ${name} does not have`,
      });
    };
    for (const [index, { fields, custom = [] }] of found.tabs.entries()) {
      for (const [field, rule] of Object.entries(fields)) {
        for (const { path, column } of columnPaths(rule))
          check(['tabs', index, 'fields', field, ...path], column);
      }
      for (const [place, column] of custom.entries()) check(['tabs', index, 'custom', place], column);
    }
  }
  return faults;
}

function columnPaths(field: FieldMapping): { path: Path; column: string }[] {
  if (typeof field === 'string') return [{ path: [], column: field }];
  const member = field.column !== undefined ? 'column' : field.columns !== undefined ? 'columns' : 'idFrom';
  const isList = Array.isArray(field[member]);
  return columnsOf(field).map((column, index) => ({ path: isList ? [member, index] : [member], column }));
}
