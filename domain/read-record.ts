import type { Fields, Value } from './canonical.ts';
import type { FailureCode, WarningCode } from './codes.ts';
import { COLUMNS, type Column, type ColumnPlan, ONE_REFERENCE_OF, type PersonRole } from './columns.ts';
import { type TimeForm, timeForm } from './read-time-form.ts';
import type { Tab } from './tab.ts';

/** How the columns of one source file become the fields of one tab (A10). */
export interface TabPlan {
  tab: Tab;
  /** one entry per column of the file, in its order */
  columns: readonly ColumnPlan[];
  /** how the times of a column are written; where nothing is said, as in the prepared format */
  times?: readonly (TimeForm | undefined)[];
}

/** One thing that is wrong with a record (C5). `index` is the column's place in the file, for "the leftmost first". */
export interface Fault {
  code: FailureCode;
  column: string;
  index: number;
  message: string;
}

/** A parent named by its external id (C5). */
export interface Reference {
  field: string;
  tab: Tab;
  externalId: string;
  column: string;
  index: number;
}

/** A person named by mail (C3). */
export interface Person extends PersonRole {
  /** trimmed and lower-cased, for matching */
  mail: string;
}

export interface ReadRecord {
  /** '' when it is missing */
  externalId: string;
  /** desk fields without references and people's ids; the mail and name of people stay as given (C3) */
  fields: Fields;
  references: Reference[];
  people: Person[];
  warnings: WarningCode[];
  /** in the order in which they count (C5); empty for a sound record */
  faults: Fault[];
}

const RANK: Partial<Record<FailureCode, number>> = {
  MALFORMED_ROW: 0,
  BAD_ENCODING: 1,
  MISSING_REQUIRED: 2,
  BAD_FORMAT: 3,
  TOO_LONG: 4,
  TOO_LARGE: 5,
  PARENT_FAILED: 6,
  MISSING_REFERENCE: 6,
};

/** C5: the order in which several faults of a row count: structure, encoding, required, format, length, reference; then the leftmost column. */
export function orderFaults(faults: readonly Fault[]): Fault[] {
  return faults.toSorted((a, b) => (RANK[a.code] ?? 9) - (RANK[b.code] ?? 9) || a.index - b.index);
}

const LABEL = '[^\\s@<>()\\[\\],;:"\\\\.]+';
const MAIL = new RegExp(`^${LABEL}(?:\\.${LABEL})*@${LABEL}(?:\\.${LABEL})*$`);
const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
const PRINTABLE = /^[^\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]+$/u;

/** Whether a text is one bare mail address. */
export function isMailAddress(text: string): boolean {
  return text.length <= 320 && MAIL.test(text);
}

/** The bare mail address of `a@b.c` or `Name <a@b.c>`, or null. */
function bareAddress(text: string): string | null {
  const angled = /<([^<>]*)>$/.exec(text);
  const bare = (angled === null ? text : (angled[1] ?? '')).trim();
  return isMailAddress(bare) ? bare : null;
}

/** Splits at `,` or `;` outside of quotation marks and angle brackets. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  let angled = false;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i];
    if (c === '"') quoted = !quoted;
    else if (c === '<' && !quoted) angled = true;
    else if (c === '>' && !quoted) angled = false;
    else if (c === undefined || ((c === ',' || c === ';') && !quoted && !angled)) {
      const part = text.slice(start, i).trim();
      if (part !== '') parts.push(part);
      start = i + 1;
    }
  }
  return parts;
}

function splitTags(text: string): string[] {
  return text
    .split(/[,;]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const BOOLEANS = new Map([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['0', false],
]);

/** The typed value of one cell, or the words that say what it is not. Nothing is cut or guessed (docs/formats.md). */
function readValue(
  column: Column,
  text: string,
  times: TimeForm = PREPARED_TIMES,
): { value: Value } | { not: string } {
  switch (column.type) {
    case 'text':
      return { value: text };
    case 'externalId':
    case 'reference':
      return PRINTABLE.test(text) ? { value: text } : { not: 'an id of printable characters' };
    case 'mail': {
      const mail = text.trim();
      return isMailAddress(mail) ? { value: mail } : { not: 'a mail address' };
    }
    case 'address':
      return bareAddress(text.trim()) === null ? { not: 'a mail address' } : { value: text.trim() };
    case 'addresses': {
      const list = splitList(text);
      return list.every((each) => bareAddress(each) !== null)
        ? { value: list }
        : { not: 'a list of mail addresses' };
    }
    case 'list':
      return { value: splitTags(text) };
    case 'time': {
      const time = times.read(text);
      return time === null ? { not: `a time like ${times.looks}` } : { value: new Date(time) };
    }
    case 'number': {
      const number = NUMBER.test(text.trim()) ? Number(text.trim()) : Number.NaN;
      return survives(text.trim(), number) ? { value: number } : { not: 'a number' };
    }
    case 'boolean': {
      const value = BOOLEANS.get(text.trim().toLowerCase());
      return value === undefined ? { not: 'one of true, false, yes, no, 1, 0' } : { value };
    }
    case 'direction': {
      const value = text.trim().toLowerCase();
      return value === 'in' || value === 'out' ? { value } : { not: 'In or Out' };
    }
    case 'choice': {
      const wanted = text.trim().toLowerCase();
      const value = column.choices?.find((choice) => choice.toLowerCase() === wanted);
      return value === undefined ? { not: `one of ${column.choices?.join(', ')}` } : { value };
    }
  }
}

/** Numbers must survive a round trip: as many digits as the number can hold. */
function survives(text: string, number: number): boolean {
  if (!Number.isFinite(number)) return false;
  const digits = text
    .replace(/^[+-]?0*/, '')
    .replace('.', '')
    .replace(/^0+/, '');
  const significant = text.includes('.') ? digits.replace(/0+$/, '') : digits;
  return significant.length <= 15 || (Number.isSafeInteger(number) && !text.includes('.'));
}

/** A desk field's name may hold neither a dot nor a leading dollar, nor be taken for an object's prototype. */
function customFieldName(name: string): string {
  const safe = name.replace(/%/g, '%25').replace(/\./g, '%2E').replace(/\0/g, '%00');
  if (safe.startsWith('$')) return `%24${safe.slice(1)}`;
  return safe === '__proto__' ? '%5F_proto__' : safe;
}

interface Step {
  index: number;
  column: Column;
  time: TimeForm | undefined;
}

const PREPARED_TIMES = timeForm(null, null);

/**
 * Makes the reader of one file's rows: cells in, record out (C5, A10). Pure, and the same cells always give the
 * same record. Values a desk fills in (status Open, import time, references) are not its concern.
 */
export function recordReader(plan: TabPlan): (cells: readonly string[]) => ReadRecord {
  const byField = new Map(COLUMNS[plan.tab].map((column) => [column.field, column]));
  const steps: Step[] = [];
  const custom: { index: number; name: string; header: string }[] = [];
  const placed = new Set<string>();
  plan.columns.forEach((each, index) => {
    if (each.use === 'field') {
      const column = byField.get(each.field);
      if (column === undefined) throw new RangeError(`${plan.tab} has no field ${each.field}`);
      placed.add(column.field);
      steps.push({
        index,
        time: plan.times?.[index],
        column: { ...column, header: each.header.replace(/^\uFEFF/, '').trim() },
      });
    } else if (each.use === 'custom') {
      custom.push({ index, name: customFieldName(each.name), header: each.header });
    }
  });
  const absent = COLUMNS[plan.tab].filter((column) => column.required && !placed.has(column.field));
  const oneOf = ONE_REFERENCE_OF[plan.tab];

  return (cells) => {
    const fields: Fields = {};
    const references: Reference[] = [];
    const people: Person[] = [];
    const faults: Fault[] = [];
    let externalId = '';
    for (const { header } of absent) {
      faults.push({
        code: 'MISSING_REQUIRED',
        column: header,
        index: cells.length,
        message: `${header} is missing: the file has no such column`,
      });
    }
    for (const { index, column, time } of steps) {
      const text = cells[index] ?? '';
      const { header } = column;
      if (text === '' || (column.type !== 'text' && text.trim() === '')) {
        if (column.required)
          faults.push({ code: 'MISSING_REQUIRED', column: header, index, message: `${header} is empty` });
        continue;
      }
      if (!text.isWellFormed()) {
        faults.push({
          code: 'BAD_ENCODING',
          column: header,
          index,
          message: `${header} holds half a character`,
        });
        continue;
      }
      const read = readValue(column, text, time);
      if ('not' in read) {
        faults.push({ code: 'BAD_FORMAT', column: header, index, message: `${header} is not ${read.not}` });
        continue;
      }
      if (column.longest !== undefined && text.length > column.longest) {
        faults.push({
          code: 'TOO_LONG',
          column: header,
          index,
          message: `${header} has ${text.length} characters; at most ${column.longest} are possible`,
        });
        continue;
      }
      if (column.type === 'externalId') externalId = text;
      else if (column.type === 'reference' && column.refersTo !== undefined) {
        references.push({
          field: column.field,
          tab: column.refersTo,
          externalId: text,
          column: header,
          index,
        });
      } else if (plan.tab === 'threads' && column.field === 'content' && text === 'NULL') {
        fields['content'] = '';
      } else fields[column.field] = read.value;
      if (column.person !== undefined) people.push({ ...column.person, mail: text.trim().toLowerCase() });
    }
    if (oneOf !== undefined && !references.some((reference) => oneOf.includes(reference.field))) {
      const first = steps.find((step) => oneOf.includes(step.column.field));
      const given = faults.some((fault) => first !== undefined && fault.index === first.index);
      if (!given) {
        faults.push({
          code: 'MISSING_REQUIRED',
          column: first?.column.header ?? 'TicketExtId',
          index: first?.index ?? cells.length,
          message: 'TicketExtId, ThreadExtId or CommentExtId is needed',
        });
      }
    }
    closedAfterCreated(plan.tab, fields, steps, faults);
    if (custom.length > 0) {
      const customFields: Fields = {};
      let any = false;
      for (const { index, name, header } of custom) {
        const text = cells[index] ?? '';
        if (text === '') continue;
        if (!text.isWellFormed()) {
          faults.push({
            code: 'BAD_ENCODING',
            column: header,
            index,
            message: `${header} holds half a character`,
          });
          continue;
        }
        customFields[name] = text;
        any = true;
      }
      if (any) fields['customFields'] = customFields;
    }
    return {
      externalId,
      fields,
      references,
      people,
      warnings: [],
      faults: faults.length > 1 ? orderFaults(faults) : faults,
    };
  };
}

function closedAfterCreated(tab: Tab, fields: Fields, steps: readonly Step[], faults: Fault[]): void {
  if (tab !== 'tickets') return;
  const created = fields['createdTime'];
  const closed = fields['closedTime'];
  if (!(created instanceof Date) || !(closed instanceof Date) || closed >= created) return;
  const step = steps.find((each) => each.column.field === 'closedTime');
  if (step === undefined) return;
  const header = step.column.header;
  faults.push({
    code: 'BAD_FORMAT',
    column: header,
    index: step.index,
    message: `${header} is before the Created Time`,
  });
}
