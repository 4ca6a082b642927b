import { COLUMNS, type ColumnPlan, HANDED_BACK_HEADERS } from './columns.ts';
import { recordDigest } from './digest.ts';
import {
  columnFinder,
  columnNames,
  columnsOf,
  type FieldMapping,
  type FieldRule,
  type FileMapping,
  mainTab,
  mappedColumn,
  type TabMapping,
} from './field-mapping.ts';
import { type ReadRecord, recordReader } from './read-record.ts';
import { type TimeForm, timeForm } from './read-time-form.ts';
import type { Tab } from './tab.ts';

/** What a tab sees of a row: its cells as if the file were in the prepared format. */
export interface MappedRow {
  /** as many as the mapper's columns */
  cells: string[];
  /** a default of the mapping stands for an empty value (VALUE_DEFAULTED) */
  defaulted: boolean;
}

/** How the rows of a file become the rows of one of its tabs (A10). */
export interface RowMapper {
  tab: Tab;
  /** one per cell that `map` gives; their headers are those of the file, so that faults name its own columns */
  columns: ColumnPlan[];
  /** how the cell of a column writes a time; undefined where it is none */
  times: readonly (TimeForm | undefined)[];
  /** only the first row with an external id is a record of the tab, rows without one are none */
  distinct: boolean;
  /** whether rows that cannot be read are failed records of this tab */
  takesUnreadable: boolean;
  map(cells: readonly string[]): MappedRow;
}

type Getter = (cells: readonly string[], row: MappedRow) => string;

interface Virtual {
  /** place of its first column in the file; behind all others for constants and columns that are not there */
  place: number;
  plan: ColumnPlan;
  get: Getter;
  time?: TimeForm;
}

/**
 * Compiles a mapping for the files of one header: a mapper for each of its tabs, in its order. Columns that are not there count as
 * empty. A column is kept as a custom field of the main tab unless some tab takes its whole value or keeps it itself.
 * @param mapping an entry that readMapping found sound
 * @throws TimeFormError, RangeError for an entry that it would not have
 */
export function rowMappers(mapping: FileMapping, header: readonly string[]): RowMapper[] {
  const find = columnFinder(header);
  const names = columnNames(header);
  const handedBack = names.map((name) =>
    (HANDED_BACK_HEADERS as readonly string[]).includes(name.toLowerCase()),
  );
  const kept = mapping.tabs.map(({ custom = [] }) => new Set(custom.map(find)));
  const taken = new Set(kept.flatMap((each) => [...each]));
  for (const { fields } of mapping.tabs) {
    for (const field of Object.values(fields)) {
      if (takesWhole(field)) for (const name of columnsOf(field)) taken.add(find(name));
    }
  }
  const main = mainTab(mapping);
  return mapping.tabs.map((tab, index) => {
    const own = [...names.keys()].filter(
      (place) =>
        handedBack[place] !== true &&
        (kept[index]?.has(place) === true || (index === main && !taken.has(place))),
    );
    const columns: Virtual[] = [
      ...Object.entries(tab.fields).map(([name, field]) =>
        fieldColumn(mapping, tab.tab, name, field, find, header),
      ),
      ...own.map((place) =>
        verbatim(place, { use: 'custom', name: names[place] as string, header: header[place] as string }),
      ),
      ...names.flatMap((_, place) =>
        handedBack[place] === true
          ? [verbatim(place, { use: 'handedBack', header: header[place] as string })]
          : [],
      ),
    ];
    return mapperOf(
      tab,
      columns.toSorted((a, b) => a.place - b.place),
      tab.distinct !== true || (index === main && mapping.tabs.every((each) => each.distinct === true)),
    );
  });
}

/** What is only chosen from or hashed stays a custom field as well: the field does not tell it. */
function takesWhole(field: FieldMapping): boolean {
  return typeof field === 'string' || field.column !== undefined || field.join !== undefined;
}

function mapperOf(
  { tab, distinct = false }: TabMapping,
  columns: readonly Virtual[],
  takesUnreadable: boolean,
): RowMapper {
  const getters = columns.map(({ get }) => get);
  return {
    tab,
    columns: columns.map(({ plan }) => plan),
    times: columns.map(({ time }) => time),
    distinct,
    takesUnreadable,
    map(cells) {
      const row: MappedRow = { cells: [], defaulted: false };
      for (const get of getters) row.cells.push(get(cells, row));
      return row;
    },
  };
}

function verbatim(place: number, plan: ColumnPlan): Virtual {
  return { place, plan, get: (cells) => cells[place] ?? '' };
}

function fieldColumn(
  file: FileMapping,
  tab: Tab,
  name: string,
  field: FieldMapping,
  find: (column: string) => number,
  header: readonly string[],
): Virtual {
  const column = mappedColumn(tab, name);
  if (column === undefined) throw new RangeError(`${tab} has no field ${name}`);
  const rule: FieldRule = typeof field === 'string' ? { column: field } : field;
  const places = columnsOf(field).map(find);
  const form =
    column.type === 'time'
      ? timeForm(rule.timeFormat ?? file.timeFormat ?? null, rule.timeZone ?? file.timeZone ?? null)
      : undefined;
  const [first = -1] = places;
  const shown = header[first] ?? columnsOf(field)[0] ?? column.header;
  return {
    place: first < 0 ? header.length : first,
    plan: { use: 'field', field: column.field, header: shown },
    get: withDefault(withValues(withPrefix(origin(rule, places, form), rule), rule), rule),
    ...(form === undefined ? {} : { time: form }),
  };
}

const isEmpty = (text: string): boolean => text === '' || text.trim() === '';

function origin(rule: FieldRule, places: readonly number[], form: TimeForm | undefined): Getter {
  const { constant, idFrom, join, take } = rule;
  const [place = -1] = places;
  if (constant !== undefined) return () => constant;
  if (idFrom !== undefined) return (cells) => derivedId(places.map((each) => cells[each] ?? ''));
  const given = (cells: readonly string[]): string[] =>
    places.map((each) => cells[each] ?? '').filter((cell) => !isEmpty(cell));
  if (join !== undefined) return (cells) => given(cells).join(join);
  if (take === 'first') return (cells) => given(cells)[0] ?? '';
  if (take !== undefined && form !== undefined)
    return (cells) => furthest(given(cells), form, take === 'latest');
  return (cells) => cells[place] ?? '';
}

/** The earliest or latest of some times; one that cannot be read goes first, for its fault to be told. */
function furthest(texts: readonly string[], form: TimeForm, isLatest: boolean): string {
  let found = '';
  let best = Number.NaN;
  for (const text of texts) {
    const time = form.read(text);
    if (time === null) return text;
    if (Number.isNaN(best) || (isLatest ? time > best : time < best)) {
      best = time;
      found = text;
    }
  }
  return found;
}

const ID_CHARACTERS = 32;

/**
 * An external id of values, which it does not show: the same for the same values, without regard to case and outer
 * spaces; '' when all are empty. 128 bits of a hash, so that two are never taken for one.
 */
export function derivedId(values: readonly string[]): string {
  const keys = values.map((value) => value.trim().toLowerCase());
  if (keys.every((key) => key === '')) return '';
  return recordDigest({ keys }).slice(0, ID_CHARACTERS);
}

function withPrefix(get: Getter, { prefix }: FieldRule): Getter {
  if (prefix === undefined) return get;
  return (cells, row) => {
    const text = get(cells, row);
    return isEmpty(text) ? '' : prefix + text;
  };
}

function withValues(get: Getter, { values, otherwise }: FieldRule): Getter {
  if (values === undefined) return get;
  const mapped = new Map(Object.entries(values).map(([from, to]) => [from.trim(), to]));
  return (cells, row) => {
    const text = get(cells, row);
    return isEmpty(text) ? '' : (mapped.get(text.trim()) ?? otherwise ?? text);
  };
}

function withDefault(get: Getter, { default: value }: FieldRule): Getter {
  if (value === undefined) return get;
  return (cells, row) => {
    const text = get(cells, row);
    if (!isEmpty(text)) return text;
    row.defaulted = true;
    return value;
  };
}

/** Makes the reader of a mapped file's rows: cells in, the tab's record out (C5, A10). Pure, as recordReader. */
export function mappedRecordReader(mapper: RowMapper): (cells: readonly string[]) => ReadRecord {
  const read = recordReader(mapper);
  return (cells) => {
    const row = mapper.map(cells);
    const record = read(row.cells);
    if (row.defaulted) record.warnings.push('VALUE_DEFAULTED');
    return record;
  };
}

/**
 * D1: what tells the records of a `distinct` tab apart, found without its mapper: '' for a row that is none.
 * @param index place of the tab in the mapping
 */
export function distinctKey(
  mapping: FileMapping,
  index: number,
  header: readonly string[],
): (cells: readonly string[]) => string {
  const tab = mapping.tabs[index];
  const id = COLUMNS[tab?.tab ?? 'tickets'].find(({ type }) => type === 'externalId');
  const [, field] = Object.entries(tab?.fields ?? {}).find(
    ([name]) => tab !== undefined && mappedColumn(tab.tab, name) === id,
  ) ?? ['', ''];
  const find = columnFinder(header);
  const places = columnsOf(field).map(find);
  const { idFrom, join, prefix = '' }: FieldRule = typeof field === 'string' ? {} : field;
  return (cells) => {
    const given = places.map((place) => cells[place] ?? '');
    const filled = given.filter((cell) => cell.trim() !== '');
    if (filled.length === 0) return '';
    if (idFrom !== undefined)
      return `${prefix}\0${JSON.stringify(given.map((cell) => cell.trim().toLowerCase()))}`;
    return prefix + (join === undefined ? (filled[0] ?? '') : filled.join(join));
  };
}
