import type { Tab } from './tab.ts';

/** What a column's text must be able to be read as (docs/formats.md). */
export type ColumnType =
  | 'externalId'
  | 'text'
  | 'mail'
  | 'address'
  | 'addresses'
  | 'list'
  | 'time'
  | 'number'
  | 'boolean'
  | 'direction'
  | 'choice'
  | 'reference';

/** Whose mail address a column holds: records follow the agent it names (C3). */
export interface PersonRole {
  /** desk field that takes the id of the agent (or, for an author, the contact) found by this mail */
  idField: string;
  role: 'owner' | 'author';
}

export interface Column {
  /** the prepared format's own header (docs/formats.md) */
  header: string;
  /** other headers of the prepared format with the same meaning */
  aliases?: readonly string[];
  /** the field in the desk: camelCase of the header; a reference's holds the parent's desk id */
  field: string;
  type: ColumnType;
  required?: boolean;
  /** longest value in characters (UTF-16 code units) */
  longest?: number;
  /** the parent's tab, for a reference */
  refersTo?: Tab;
  /** permitted values as stored, matched without regard to case */
  choices?: readonly string[];
  person?: PersonRole;
}

const TEXT = 65_535;

function camelCase(header: string): string {
  const words = header
    .replace(/[^A-Za-z0-9]+/g, ' ')
    .trim()
    .split(' ');
  return words
    .map((word, index) => {
      const lower = /^[A-Z0-9]+$/.test(word)
        ? word.toLowerCase()
        : word.charAt(0).toLowerCase() + word.slice(1);
      return index === 0 ? lower : lower.charAt(0).toUpperCase() + lower.slice(1);
    })
    .join('');
}

type Options = Omit<Column, 'header' | 'field' | 'type'> & { field?: string };

function column(header: string, type: ColumnType, options: Options = {}): Column {
  return { header, field: camelCase(header), type, ...options };
}
const text = (header: string, longest?: number, options: Options = {}): Column =>
  column(header, 'text', longest === undefined ? options : { longest, ...options });
const externalId = (header: string): Column =>
  column(header, 'externalId', { field: 'externalId', required: true, longest: 100 });
const reference = (header: string, field: string, refersTo: Tab, options: Options = {}): Column =>
  column(header, 'reference', { field, refersTo, longest: 100, ...options });
const time = (header: string, options: Options = {}): Column => column(header, 'time', options);
const mail = (header: string, longest: number, options: Options = {}): Column =>
  column(header, 'mail', { longest, ...options });
const ownerMail = mail('Owner Email', 255, { person: { idField: 'ownerId', role: 'owner' } });
const authorMail = mail('Author Email', 255, { person: { idField: 'authorId', role: 'author' } });
const created = time('Created Time');
const modified = time('Modified Time');

/** Every column of the prepared format, per tab (docs/formats.md). */
export const COLUMNS: Readonly<Record<Tab, readonly Column[]>> = {
  agents: [
    externalId('AgentExtId'),
    text('Last Name', 50, { required: true }),
    text('First Name', 100),
    text('Full Name', 255),
    mail('Email', 255, { required: true }),
    text('Department', 200),
    column('Status', 'choice', { choices: ['active', 'inactive'] }),
    text('Role', 100),
  ],
  accounts: [
    externalId('AccountExtId'),
    text('Account Name', 200, { required: true }),
    text('Phone', 30),
    mail('Email', 255),
    text('Fax', 30),
    text('Website', 120),
    text('Industry', 120),
    text('Street', 250),
    text('City', 100),
    text('State', 100),
    text('Country', 100),
    text('Code', 30),
    column('Annual Revenue', 'number'),
    text('Description', TEXT),
    ownerMail,
    created,
    modified,
  ],
  contacts: [
    externalId('ContactExtId'),
    text('First Name', 40),
    text('Last Name', 200, { required: true }),
    reference('AccountExtId', 'accountId', 'accounts'),
    mail('Email', 255),
    mail('Secondary Email', 100),
    text('Phone', 50),
    text('Mobile', 50),
    text('Type'),
    text('Title', 100),
    text('Street', 250),
    text('City', 100),
    text('State', 100),
    text('Country', 100),
    text('Zip'),
    text('Facebook', 100),
    text('Twitter', 100),
    text('Description', TEXT),
    ownerMail,
    created,
    modified,
  ],
  products: [
    externalId('ProductExtId'),
    text('Product Name', 200, { required: true }),
    text('Product Code', 200),
    text('Department'),
    column('Unit Price', 'number'),
    text('Manufacturer'),
    text('Product Category'),
    text('Description', TEXT),
    ownerMail,
    created,
    modified,
  ],
  tickets: [
    externalId('TicketExtId'),
    reference('ContactExtId', 'contactId', 'contacts', { required: true }),
    text('Subject', 1_000, { required: true }),
    text('Description', TEXT),
    mail('Email', 150),
    text('Phone', 120),
    text('Status'),
    text('Priority'),
    text('Channel'),
    text('Classification'),
    text('Category'),
    text('Sub Category'),
    reference('ProductExtId', 'productId', 'products'),
    reference('AccountExtId', 'accountId', 'accounts'),
    text('Department'),
    text('Assignee Name'),
    mail('Assignee Email', 255, { person: { idField: 'assigneeId', role: 'owner' } }),
    time('Due Date'),
    created,
    modified,
    time('Closed Time'),
    text('Resolution', TEXT),
    column('Tags', 'list'),
    column('CC', 'addresses'),
  ],
  threads: [
    externalId('ThreadExtId'),
    reference('TicketExtId', 'ticketId', 'tickets', { required: true }),
    text('Content', undefined, { required: true }),
    time('Sent Date Time', { aliases: ['Send Date Time'], required: true }),
    time('Received Time', { required: true }),
    mail('Sender Email', 255, { required: true }),
    column('Direction', 'direction', { required: true }),
    column('Is Private', 'boolean', { required: true }),
    column('From Email Address', 'address', { longest: 300, required: true }),
    column('To', 'addresses', { longest: 13_000 }),
    column('CC', 'addresses', { longest: 13_000 }),
    column('BCC', 'addresses', { longest: 13_000 }),
    text('Channel'),
    authorMail,
  ],
  comments: [
    externalId('CommentExtId'),
    reference('TicketExtId', 'ticketId', 'tickets', { required: true }),
    text('Content', undefined, { required: true }),
    column('Content Type', 'choice', { choices: ['plainText', 'html'] }),
    column('Is Public', 'boolean'),
    text('Commenter Name'),
    mail('Commenter Email', 255, { person: { idField: 'commenterId', role: 'author' } }),
    time('Commented Time'),
    modified,
  ],
  attachments: [
    externalId('AttachmentExtId'),
    reference('TicketExtId', 'ticketId', 'tickets'),
    reference('ThreadExtId', 'threadId', 'threads'),
    reference('CommentExtId', 'commentId', 'comments'),
    text('File Name', undefined, { required: true }),
    text('File Path', undefined, { required: true }),
    text('Content Type'),
    text('Content ID', 255),
    column('Size', 'number'),
    column('SHA256', 'text', { longest: 64 }),
    column('Is Public', 'boolean'),
    mail('Uploader Email', 255, { person: { idField: 'uploaderId', role: 'author' } }),
    created,
  ],
  articles: [
    externalId('ArticleExtId'),
    text('Title', 500, { required: true }),
    text('Answer', undefined, { required: true }),
    text('Category', undefined, { required: true }),
    text('Section'),
    column('Status', 'choice', { choices: ['Draft', 'Published', 'Review'] }),
    column('Permission', 'choice', { choices: ['ALL', 'REGISTEREDUSERS', 'AGENTS'] }),
    text('Locale'),
    reference('Translation Of', 'translationOf', 'articles'),
    column('Tags', 'list'),
    authorMail,
    text('Permalink'),
    created,
    modified,
  ],
};

/** Of an attachment's references one must be given (docs/formats.md). */
export const ONE_REFERENCE_OF: Partial<Record<Tab, readonly string[]>> = {
  attachments: ['ticketId', 'threadId', 'commentId'],
};

/** Headers match without regard to case, spaces, underscores, hyphens and a BOM (A10). */
export function headerKey(header: string): string {
  return header.replace(/[\s_\-\uFEFF]+/g, '').toLowerCase();
}

/** Columns of a handed-back failed-record file; they only say which row is replaced (C6). */
export const HANDED_BACK_HEADERS = [
  'deskferry_file',
  'deskferry_row',
  'deskferry_code',
  'deskferry_column',
  'deskferry_message',
] as const;

/** One column of a source file and what becomes of it. */
export type ColumnPlan =
  | { use: 'field'; field: string; header: string }
  | { use: 'custom'; name: string; header: string }
  | { use: 'handedBack'; header: string };

export interface HeaderMatch {
  /** one entry per header, in the file's order */
  columns: ColumnPlan[];
  /** headers of required columns that are not there */
  missing: string[];
  /** headers that stand twice for the same field; the first is used, the others become custom fields */
  doubled: string[];
}

const byKey = new Map<Tab, Map<string, Column>>();

/** The prepared format's column that a header names in a tab, or undefined (A10). */
export function columnFor(tab: Tab, header: string): Column | undefined {
  let columns = byKey.get(tab);
  if (columns === undefined) {
    columns = new Map();
    for (const each of COLUMNS[tab]) {
      for (const name of [each.header, ...(each.aliases ?? [])]) columns.set(headerKey(name), each);
    }
    byKey.set(tab, columns);
  }
  return columns.get(headerKey(header));
}

/** A10: what becomes of each column of a prepared file; what nobody knows becomes a custom field, never lost. */
export function matchHeaders(tab: Tab, headers: readonly string[]): HeaderMatch {
  const taken = new Set<string>();
  const names = new Set<string>();
  const doubled: string[] = [];
  const columns = headers.map((header): ColumnPlan => {
    const clean = header.replace(/^\uFEFF/, '').trim();
    if ((HANDED_BACK_HEADERS as readonly string[]).includes(clean.toLowerCase()))
      return { use: 'handedBack', header };
    const known = columnFor(tab, clean);
    if (known !== undefined && !taken.has(known.field)) {
      taken.add(known.field);
      return { use: 'field', field: known.field, header };
    }
    if (known !== undefined) doubled.push(clean);
    let name = clean === '' ? 'column' : clean;
    for (let copy = 2; names.has(name); copy++) name = `${clean === '' ? 'column' : clean} (${copy})`;
    names.add(name);
    return { use: 'custom', name, header };
  });
  const missing = COLUMNS[tab]
    .filter((each) => each.required && !taken.has(each.field))
    .map((each) => each.header);
  return { columns, missing, doubled };
}
