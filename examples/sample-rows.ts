import type { FailureCode, WarningCode } from '../domain/codes.ts';
import type { Tab } from '../domain/tab.ts';
import { type CsvStyle, csvLine, PLAIN_STYLE } from './write-export.ts';

/** One CSV file of the sample and how it is written. */
export interface SampleFile {
  /** as the report names it: for a CSV inside a ZIP the entry's path */
  name: string;
  tab: Tab;
  header: readonly string[];
  style: CsvStyle;
}

const TICKET_HEADER = [
  'TicketExtId',
  'ContactExtId',
  'Subject',
  'Description',
  'Email',
  'Phone',
  'Status',
  'Priority',
  'Channel',
  'Classification',
  'Category',
  'Sub Category',
  'ProductExtId',
  'AccountExtId',
  'Department',
  'Assignee Name',
  'Assignee Email',
  'Due Date',
  'Created Time',
  'Modified Time',
  'Closed Time',
  'Resolution',
  'Tags',
  'CC',
  'Legacy URL',
  'Satisfaction',
] as const;

/** The sample's CSV files; styles and headers differ as they do between the tables of real exports. */
export const FILES = {
  agents: {
    name: 'Agents.csv',
    tab: 'agents',
    header: ['AgentExtId', 'Last Name', 'First Name', 'Full Name', 'Email', 'Department', 'Status', 'Role'],
    style: PLAIN_STYLE,
  },
  accounts: {
    name: 'Accounts.csv',
    tab: 'accounts',
    header: [
      'account_ext_id',
      'ACCOUNT NAME',
      'phone',
      'email',
      'website',
      'industry',
      'street',
      'city',
      'country',
      'code',
      'annual-revenue',
      'description',
      'owner_email',
      'created_time',
      'modified_time',
    ],
    style: { delimiter: ',', lineEnd: '\r\n', byteOrderMark: false },
  },
  contacts: {
    name: 'Contacts.csv',
    tab: 'contacts',
    header: [
      'ContactExtId',
      'First Name',
      'Last Name',
      'AccountExtId',
      'Email',
      'Phone',
      'Title',
      'City',
      'Country',
      'Description',
      'Owner Email',
      'Created Time',
      'Modified Time',
      'Newsletter',
    ],
    style: { delimiter: ',', lineEnd: '\r\n', byteOrderMark: true },
  },
  products: {
    name: 'Products.csv',
    tab: 'products',
    header: [
      'ProductExtId',
      'Product Name',
      'Product Code',
      'Department',
      'Unit Price',
      'Manufacturer',
      'Product Category',
      'Description',
      'Owner Email',
      'Created Time',
      'Modified Time',
    ],
    style: { delimiter: ';', lineEnd: '\n', byteOrderMark: false },
  },
  tickets1: { name: 'Tickets_01.csv', tab: 'tickets', header: TICKET_HEADER, style: PLAIN_STYLE },
  tickets2: {
    name: 'Tickets_02.csv',
    tab: 'tickets',
    header: TICKET_HEADER,
    style: { delimiter: ',', lineEnd: '\r\n', byteOrderMark: true },
  },
  threads: {
    name: 'Threads.csv',
    tab: 'threads',
    header: [
      'ThreadExtId',
      'TicketExtId',
      'Content',
      'Send Date Time',
      'Received Time',
      'Sender Email',
      'Direction',
      'Is Private',
      'From Email Address',
      'To',
      'CC',
      'BCC',
      'Channel',
      'Author Email',
    ],
    style: PLAIN_STYLE,
  },
  comments: {
    name: 'TicketComments.csv',
    tab: 'comments',
    header: [
      'CommentExtId',
      'TicketExtId',
      'Content',
      'Content Type',
      'Is Public',
      'Commenter Name',
      'Commenter Email',
      'Commented Time',
      'Modified Time',
    ],
    style: PLAIN_STYLE,
  },
  attachments: {
    name: 'Attachments.csv',
    tab: 'attachments',
    header: [
      'AttachmentExtId',
      'TicketExtId',
      'ThreadExtId',
      'CommentExtId',
      'File Name',
      'File Path',
      'Content Type',
      'Size',
      'SHA256',
      'Is Public',
      'Uploader Email',
      'Created Time',
    ],
    style: PLAIN_STYLE,
  },
  articles: {
    name: 'Articles.csv',
    tab: 'articles',
    header: [
      'ArticleExtId',
      'Title',
      'Answer',
      'Category',
      'Section',
      'Status',
      'Permission',
      'Locale',
      'Translation Of',
      'Tags',
      'Author Email',
      'Permalink',
      'Created Time',
      'Modified Time',
    ],
    style: PLAIN_STYLE,
  },
} as const satisfies Record<string, SampleFile>;

/** A record that fails, alone (C5): why, and in which of the source's columns. */
export interface Failed {
  result: 'failed';
  code: FailureCode;
  column: string | null;
  why: string;
}
export interface Migrated {
  result: 'created' | 'updated' | 'unchanged';
  warnings: readonly WarningCode[];
}
export interface Doubled {
  result: 'skipped';
  why: string;
}
export type Outcome = Migrated | Failed | Doubled;

/** A file that goes into the ZIP beside Attachments.csv. */
export interface AttachmentFile {
  path: string;
  bytes(): Buffer;
}

/** What phase 2 makes of a record that failed in phase 1 (E3). */
export interface Second {
  /** the cells that the customer sends back, mended or not; null = nothing comes back and the record is tried as it was */
  reply: readonly string[] | null;
  outcome: Migrated | Failed;
  /** the file that was missing or damaged */
  attachment?: AttachmentFile;
}

/** One record of the export and what must become of it. */
export interface SampleRow {
  file: SampleFile;
  cells: readonly string[];
  /** the line's bytes where it cannot be read */
  raw: Uint8Array | null;
  /** null where the row cannot be read */
  externalId: string | null;
  outcome: Outcome;
  /** for failed records */
  second: Second | null;
  /** the file an attachment names, where it is in the bundle */
  attachment: AttachmentFile | null;
}

/** Values by header; an absent one is an empty cell. */
export type Values = Readonly<Record<string, string>>;

/** The cells of a row in the file's column order. @throws RangeError for a value whose header the file has not */
function cellsOf(file: SampleFile, values: Values): readonly string[] {
  const strange = Object.keys(values).find((header) => !file.header.includes(header));
  if (strange !== undefined) throw new RangeError(`${file.name} has no column ${strange}`);
  return file.header.map((header) => values[header] ?? '');
}

export function soundRow(file: SampleFile, values: Values, warnings: readonly WarningCode[] = []): SampleRow {
  const cells = cellsOf(file, values);
  const outcome: Migrated = { result: 'created', warnings };
  return { file, cells, raw: null, externalId: cells[0] ?? null, outcome, second: null, attachment: null };
}

/** What a failed record needs besides its values. */
export interface Fate {
  code: FailureCode;
  column: string | null;
  why: string;
  /** what comes back mended; without it the record is tried as it was */
  mended?: Values;
  /** the record is migrated in phase 2, with these warnings; else it fails again as before */
  migratedLater?: readonly WarningCode[];
}

export function failedRow(file: SampleFile, values: Values, fate: Fate): SampleRow {
  const { code, column, why, mended, migratedLater } = fate;
  const outcome: Failed = { result: 'failed', code, column, why };
  const second: Second = {
    reply: mended === undefined ? null : cellsOf(file, mended),
    outcome: migratedLater === undefined ? outcome : { result: 'created', warnings: migratedLater },
  };
  return { ...soundRow(file, values), outcome, second };
}

/** A second row, identical to the first (DUPLICATE_ROW). */
export function doubledRow(first: SampleRow): SampleRow {
  return { ...first, outcome: { result: 'skipped', why: 'the same record once more' }, attachment: null };
}

/** Ways in which a row breaks the grammar of CSV (docs/formats.md), each within one physical line. */
export type Breakage =
  | 'stray quote'
  | 'text after a quote'
  | 'field missing'
  | 'field too many'
  | 'quote not closed';

/**
 * A row that is malformed: it holds `values`, none with a line break, and one of them is broken.
 * @param column header of the text column that breaks
 */
export function malformedRow(
  file: SampleFile,
  values: Values,
  column: string,
  breakage: Breakage,
): SampleRow {
  const cells = cellsOf(file, values);
  const at = file.header.indexOf(column);
  const parts = cells.map((cell) => csvLine([cell], file.style.delimiter));
  const text = (cells[at] ?? '').replaceAll('"', '').replaceAll(',', ' ');
  switch (breakage) {
    case 'stray quote':
      parts[at] = `${text} 24" x`;
      break;
    case 'text after a quote':
      parts[at] = `"${text}" x`;
      break;
    case 'field missing':
      parts.pop();
      break;
    case 'field too many':
      parts[at] = `${text}${file.style.delimiter} x`;
      break;
    case 'quote not closed':
      parts[at] = `"${text}`;
      break;
  }
  const why = `cannot be read as a row: ${breakage}`;
  const row = failedRow(file, values, { code: 'MALFORMED_ROW', column: null, why });
  return { ...row, raw: Buffer.from(parts.join(file.style.delimiter)), externalId: null };
}

/**
 * A row that does not decode: bytes of another encoding stand in one column.
 * @param foreign the bytes in place of the column's text
 */
export function undecodableRow(
  file: SampleFile,
  values: Values,
  column: string,
  foreign: Uint8Array,
): SampleRow {
  const at = file.header.indexOf(column);
  const parts = cellsOf(file, values).map((cell) => Buffer.from(csvLine([cell], file.style.delimiter)));
  parts[at] = Buffer.from(foreign);
  const delimiter = Buffer.from(file.style.delimiter);
  const raw = Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [delimiter, part])));
  const why = `bytes of another encoding in ${column}`;
  const row = failedRow(file, values, { code: 'BAD_ENCODING', column: null, why });
  return { ...row, raw, externalId: null };
}

/** The row sent back readable in phase 2 instead of the unreadable one. */
export function mendedLater(row: SampleRow, warnings: readonly WarningCode[]): SampleRow {
  return { ...row, second: { reply: row.cells, outcome: { result: 'created', warnings } } };
}
